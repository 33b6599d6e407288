import { Injectable } from '@nestjs/common';
import { Logger } from '#libs/platform';
import type { AuditEvent } from '../trail/audit-event.js';
import { AuditTrail } from '../trail/audit-trail.js';
import { replaceFindings, type StoredPart } from './verification-store.js';
import type { Finding } from './verified-part.js';

const VERIFIER = { kind: 'system', name: 'audit-verification' } as const;

/** Records what the background verifier found in the log that it verifies, so that sinks get it. */
@Injectable()
export class FindingRecorder {
  constructor(
    private readonly trail: AuditTrail,
    private readonly logger: Logger,
  ) {}

  /**
   * Records each finding that has no entry yet, and marks it in the transaction of its entry: once over all
   * replicas and restarts. Never rejects: what could not be recorded stays unmarked.
   *
   * @returns whether the log could be appended to
   */
  async record(stored: readonly StoredPart[]): Promise<boolean> {
    for (const { part, findings } of stored) {
      const pending = findings.filter(({ isRecorded }) => isRecorded !== true);
      if (pending.length === 0) continue;
      const marked = findings.map((finding) => ({ ...finding, isRecorded: true }));
      try {
        await this.trail.recordAll(
          pending.map((finding) => damage(part, finding)),
          replaceFindings({ part, findings }, marked, () => new FindingsChanged()),
        );
      } catch (error) {
        if (error instanceof FindingsChanged) continue;
        const problem = error instanceof Error ? error.name : 'unknown';
        this.logger.warn({ part, problem }, 'findings not recorded yet');
        return false;
      }
    }
    return true;
  }
}

/** Another replica has recorded the findings, or a check is changing them. */
class FindingsChanged extends Error {}

function damage(part: string, { kind, detail }: Finding): AuditEvent {
  return {
    action: 'audit.damage',
    outcome: 'failure',
    actor: VERIFIER,
    reason: { code: 'damage-found', detail },
    details: { part, kind },
  };
}
