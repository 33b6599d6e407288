import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '#libs/audit';
import type { TestLog } from '#libs/audit/testing';
import { RecordedMappings } from '#libs/identity-mapping/testing';
import { type CanonicalName, canonicalName } from '#libs/platform';
import {
  auditTargetOf,
  type Mapping,
  newMapping,
} from '../libs/identity-mapping/src/model/mapping.js';

const PER_COMMIT = 2_000;

/** Mappings as an import links them, each with an entry of its own, and of `tokens` more. */
export class MappingFiller {
  readonly #recorded: RecordedMappings;

  /** @param tenant of the mappings; the one of `RecordedMappings` by default */
  constructor(
    private readonly log: TestLog,
    private readonly tenant?: CanonicalName,
  ) {
    this.#recorded = new RecordedMappings(log);
  }

  async add(mappings: number, tokens: number): Promise<void> {
    let stored: Promise<unknown> = Promise.resolve();
    for (let done = 0; done < mappings; done += PER_COMMIT) {
      const count = Math.min(PER_COMMIT, mappings - done);
      const added = Array.from({ length: count }, () => this.#newLink());
      const events = added.map((mapping) => ({
        ...{ ...this.#recorded.context, action: 'identity.link', outcome: 'success' as const },
        ...{ target: auditTargetOf(mapping), details: { via: 'import', status: 'active' } },
      }));
      // One batch is prepared while the previous one is stored.
      await stored;
      stored = this.log.trail.recordAll(events as AuditEvent[], this.#recorded.map.add(added));
      for (let nth = 0; nth < tokens; nth += 1) {
        await stored;
        const issued = events.map((event) => ({
          ...{ ...event, action: 'token.issue', details: {} },
        }));
        stored = this.log.trail.recordAll(issued as AuditEvent[]);
      }
    }
    await stored;
  }

  #newLink(): Mapping {
    const { tenant = this.#recorded.tenant } = this;
    const communicationUserId = this.#recorded.foreignId();
    return newMapping(
      {
        ...{ tenant, subject: canonicalName(randomUUID()), kind: 'user', resource: 'default' },
        ...{ status: 'active', communicationUserId },
      },
      this.log.clock.now(),
    );
  }
}
