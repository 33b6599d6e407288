import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Clock, detached, Logger } from '#libs/platform';
import { type SecretAccess, SecretAccessEvents } from '#libs/secrets';
import { type AggregateDetails, AggregatingRecorder } from './aggregating-recorder.js';
import type { AuditEvent } from './audit-event.js';
import { AuditTrail } from './audit-trail.js';

/** The service reads secrets for itself: no caller is the actor. */
const SECRET_STORE = { kind: 'system', name: 'secret-store' } as const;
/** Repeated reads of one version, with one outcome, share an entry within this time. */
const WINDOW_MS = 60_000;

/**
 * Records reads and rotations of secrets.
 *
 * Recording needs the signing key, which is a secret itself, so no read can wait for its entry: it is
 * recorded right after it, and waits here while the log is unavailable, Key Vault outages included.
 * That fails safe: what a secret is used for, such as a token, has its own entry before it is given
 * out, and needs the same log. A process that is killed loses the reads that wait.
 */
@Injectable()
export class SecretAccessAuditor implements BeforeApplicationShutdown {
  readonly #recorder: AggregatingRecorder<SecretAccess>;

  constructor(events: SecretAccessEvents, trail: AuditTrail, clock: Clock, logger: Logger) {
    this.#recorder = new AggregatingRecorder(trail, clock, logger, {
      name: 'secret access',
      windowMs: WINDOW_MS,
      recordsFirstAtOnce: true,
      eventsOf,
    });
    events.subscribe((access) => {
      void detached(async () => this.#recorder.add(JSON.stringify(access), access));
    });
  }

  /** Tries once more to write the reads that wait. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#recorder.stop();
  }
}

function eventsOf(access: SecretAccess, aggregate: AggregateDetails): AuditEvent[] {
  const { name: secret, version, refusal, replaces } = access;
  const details = { secret, ...(version !== undefined && { version }), ...aggregate };
  if (refusal !== undefined) {
    const outcome = refusal === 'secret-access-refused' ? 'denied' : 'failure';
    const reason = { code: refusal };
    return [{ action: 'secret.read', outcome, actor: SECRET_STORE, reason, details }];
  }
  const event = { outcome: 'success', actor: SECRET_STORE } as const;
  const read: AuditEvent = { ...event, action: 'secret.read', details };
  if (replaces === undefined) return [read];
  return [read, { ...event, action: 'secret.rotate', details: { ...details, replaces } }];
}
