import { randomUUID } from 'node:crypto';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Clock, Logger } from '#libs/platform';
import { type SecretRead, SecretReads } from '#libs/secrets';
import type { AuditEvent } from './audit-event.js';
import { AuditTrail } from './audit-trail.js';

/** The service itself: no caller asks for a secret. */
const SECRET_STORE = { kind: 'system', name: 'secret-store' } as const;
/** The same reading is recorded once in this time, with its count. */
const WINDOW_MS = 60_000;
const RETRY_MS = 5_000;

/** Readings that are the same: of one version, with one outcome. */
interface Tally {
  readonly read: SecretRead;
  count: number;
  from: number;
  to: number;
}

/**
 * Brings readings of secrets into the audit log.
 *
 * Recording needs the signing key, itself a secret, so that no reading can wait for its entry: each is
 * recorded right after it, and waits here while the log can't be written, a Key Vault outage included.
 * That fails safe: what a secret is used for, such as a token, has its own entry before it is given
 * out, and needs the same log. A process that is killed loses the readings that wait, and whatever it
 * could have done with them.
 */
@Injectable()
export class SecretAccessAuditor implements BeforeApplicationShutdown {
  readonly #tallies = new Map<string, Tally>();
  readonly #work = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(
    reads: SecretReads,
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    reads.observe((read) => {
      this.#saw(read);
    });
  }

  /** What waits is tried once more. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
  }

  #saw(read: SecretRead): void {
    const now = this.clock.now();
    const key = JSON.stringify(read);
    const known = this.#tallies.get(key);
    if (known) {
      if (known.count === 0) known.from = now;
      known.count += 1;
      known.to = now;
      return;
    }
    const tally = { read, count: 1, from: now, to: now };
    this.#tallies.set(key, tally);
    const work = this.#record(tally, () => this.#tallies.delete(key)).finally(() =>
      this.#work.delete(work),
    );
    this.#work.add(work);
  }

  /**
   * At once, then once in each window while there is more.
   *
   * @param close runs in the very moment in which there is no more
   */
  async #record(tally: Tally, close: () => void): Promise<void> {
    while (tally.count > 0) {
      const events = eventsOf(tally);
      tally.count = 0;
      while (!(await this.#isWritten(events)) && !this.#stop.signal.aborted) {
        await this.#pause(RETRY_MS);
      }
      await this.#pause(WINDOW_MS);
    }
    close();
  }

  async #isWritten(events: readonly AuditEvent[]): Promise<boolean> {
    try {
      await this.trail.recordAll(events);
      return true;
    } catch (error) {
      const problem = error instanceof Error ? error.name : 'unknown';
      this.logger.warn({ problem }, 'a reading of a secret could not be audited yet');
      return false;
    }
  }

  async #pause(forMs: number): Promise<void> {
    await this.clock.sleep(forMs, this.#stop.signal).catch(() => undefined);
  }
}

/** The same events when they are written again because an answer was lost: `tally` tells. */
function eventsOf({ read, count, from, to }: Tally): AuditEvent[] {
  const { name: secret, version, refusal, replaces } = read;
  const details = {
    secret,
    ...(version !== undefined && { version }),
    count,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    tally: randomUUID(),
  };
  if (refusal !== undefined) {
    const outcome = refusal === 'secret-access-refused' ? 'denied' : 'failure';
    const reason = { code: refusal };
    return [{ action: 'secret.read', outcome, actor: SECRET_STORE, reason, details }];
  }
  const event = { outcome: 'success', actor: SECRET_STORE } as const;
  const reading: AuditEvent = { ...event, action: 'secret.read', details };
  if (replaces === undefined) return [reading];
  return [reading, { ...event, action: 'secret.rotate', details: { ...details, replaces } }];
}
