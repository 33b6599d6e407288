import { Injectable } from '@nestjs/common';
import { Logger } from '#libs/platform';
import type { AuditEvent } from '../trail/audit-event.js';
import { AuditTrail } from '../trail/audit-trail.js';
import type { PartCheck } from './part-checks.js';
import { RecordedFindings } from './recorded-findings.js';
import { replaceFindings, type StoredPart } from './verification-store.js';
import { CHECK_FAILED, type Finding, isSameFinding, MAX_FINDINGS } from './verified-part.js';

const VERIFIER = { kind: 'system', name: 'audit-verification' } as const;

/** A finding of this process that the log may not have yet. */
interface Pending {
  readonly finding: Finding;
  isLogged: boolean;
}

/**
 * Logs what the background verifier found, and records it in the log that it verifies, so that sinks get it.
 * Only what this process found itself: what stands in the table of the verifier, anybody may have written.
 */
@Injectable()
export class FindingRecorder {
  readonly #pending = new Map<string, readonly Pending[]>();

  constructor(
    private readonly trail: AuditTrail,
    private readonly recorded: RecordedFindings,
    private readonly logger: Logger,
  ) {}

  /**
   * Logs what is new, and what is no longer found. Each once, by the replica that checked it. A check that
   * failed is damage when the next one of its slice fails as well: an entry of the log is for good.
   */
  note(check: PartCheck): void {
    const { part, before } = check;
    const pending = this.#pending.get(part) ?? [];
    const { unconfirmed, added, gone } = classify(check, pending);
    for (const { kind, detail } of unconfirmed) {
      this.logger.warn({ part, kind, detail }, 'slice not checked yet');
    }
    const more = added.map((finding): Pending => ({ finding, isLogged: false }));
    for (const one of more) if (!isAmong(before, one.finding)) this.#logFound(part, one);
    this.#pending.set(part, [...pending, ...more].slice(-MAX_FINDINGS));
    for (const { kind, detail } of gone) {
      this.logger.warn({ part, kind, detail }, 'damage not found again');
    }
  }

  /**
   * Records each finding that has no entry yet. Their mark is set in the transaction of the entries, so that of
   * several replicas one records them. Never rejects: what could not be recorded is tried again.
   *
   * @param stored read before the log is: a mark that is not in it is that of a later entry
   * @returns whether the log could be appended to
   */
  async record(stored: readonly StoredPart[]): Promise<boolean> {
    for (const part of this.#pending.keys()) {
      const findings = stored.find((one) => one.part === part)?.findings ?? [];
      try {
        await this.#recordPart(part, findings);
      } catch (error) {
        if (error instanceof FindingsChanged) continue;
        const problem = error instanceof Error ? error.name : 'unknown';
        this.logger.warn({ part, problem }, 'findings not recorded yet');
        return false;
      }
    }
    return true;
  }

  async #recordPart(part: string, stored: readonly Finding[]): Promise<void> {
    const pending = await this.#unrecorded(part);
    this.#pending.set(part, pending);
    if (pending.length === 0) return;
    for (const one of pending) if (!one.isLogged) this.#logFound(part, one);
    const marked = stored.map((one) =>
      pending.some(({ finding }) => isSameFinding(finding, one))
        ? { ...one, isRecorded: true }
        : one,
    );
    await this.trail.recordAll(
      pending.map(({ finding }) => damage(part, finding)),
      replaceFindings({ part, findings: stored }, marked, () => new FindingsChanged()),
    );
    this.#pending.delete(part);
  }

  async #unrecorded(part: string): Promise<readonly Pending[]> {
    const pending = this.#pending.get(part) ?? [];
    if (pending.length === 0) return pending;
    const recorded = await this.recorded.of(
      part,
      pending.map(({ finding }) => finding),
    );
    return pending.filter(
      ({ finding }) =>
        !recorded.some((one) => one.index >= (finding.since ?? 0) && isSameFinding(one, finding)),
    );
  }

  #logFound(part: string, pending: Pending): void {
    const { kind, detail } = pending.finding;
    this.logger.error({ part, kind, detail }, 'damage found');
    pending.isLogged = true;
  }
}

/** What a check says about findings. */
interface ClassifiedFindings {
  /** Checks that failed for the first time: damage only when the next check of the slice fails as well. */
  readonly unconfirmed: readonly Finding[];
  /** Damage that is not among the pending findings. The log may have it from an earlier check. */
  readonly added: readonly Finding[];
  /** Damage of earlier checks that is no longer found. */
  readonly gone: readonly Finding[];
}

function classify(
  { before, after, found }: PartCheck,
  pending: readonly Pending[],
): ClassifiedFindings {
  const isFirstFailure = (one: Finding): boolean =>
    one.kind === CHECK_FAILED && !isAmong(before, one);
  const wasDamage = ({ kind, isRecorded }: Finding): boolean =>
    kind !== CHECK_FAILED || isRecorded === true;
  const known = pending.map(({ finding }) => finding);
  // A full list leaves findings out, which are not gone.
  const isWhole = after.length < MAX_FINDINGS;
  return {
    unconfirmed: found.filter(isFirstFailure),
    added: found.filter((one) => !isFirstFailure(one) && !isAmong(known, one)),
    gone: isWhole ? before.filter((one) => wasDamage(one) && !isAmong(after, one)) : [],
  };
}

function isAmong(findings: readonly Finding[], one: Finding): boolean {
  return findings.some((other) => isSameFinding(other, one));
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
