import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { AggregatingRecorder, type AuditEvent, AuditTrail } from '#libs/audit';
import { Clock, Logger, type Principal, type RequestContext } from '#libs/platform';
import type { Permission } from '../access/permission.js';
import type { TokenRejected } from '../errors.js';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';

/** What an authenticated caller was denied. */
export interface DeniedCall {
  readonly code: 'insufficient-permission' | 'insufficient-claims' | 'delegation-missing';
  readonly permission: Permission;
  readonly method: string;
  readonly route: string;
}

type AggregatedDenial = Pick<AuditEvent, 'action' | 'actor'> &
  Required<Pick<AuditEvent, 'reason' | 'request'>>;

/** Above this number, further addresses and principals share one entry for each reason and window. */
const MAX_KEYS = 10_000;

/**
 * Records denied requests in the audit log.
 *
 * Rejected credentials and exceeded limits may come in floods: they share one entry, with their count,
 * for each reason, address or principal, and window. Denials of authenticated callers are recorded one
 * by one.
 */
@Injectable()
export class DenialAuditor implements BeforeApplicationShutdown {
  readonly #recorder: AggregatingRecorder<AggregatedDenial>;

  constructor(
    private readonly trail: AuditTrail,
    clock: Clock,
    logger: Logger,
    @Inject(authenticationSettings.key) settings: AuthenticationSettings,
  ) {
    this.#recorder = new AggregatingRecorder(trail, clock, logger, {
      name: 'denials',
      windowMs: settings.denialWindowMs,
      limit: {
        maxKeys: MAX_KEYS,
        overflow: (denial) => [`several ${denial.reason.code}`, anonymized(denial)],
      },
      eventsOf: (denial, details) => [{ ...denial, outcome: 'denied', details: { ...details } }],
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#recorder.stop();
  }

  /** Counts rejected credentials. Waits for the log only during shutdown. */
  async countRejection(
    { reason: code, detail }: TokenRejected,
    request: RequestContext,
  ): Promise<void> {
    await this.#recorder.add(`${code} ${request.clientAddress ?? ''}`, {
      action: 'authentication.reject',
      actor: { kind: 'unauthenticated' },
      reason: { code, ...(detail !== undefined && { detail }) },
      request,
    });
  }

  /** Counts a request above the limit of its principal. Waits for the log only during shutdown. */
  async countLimited(principal: Principal, request: RequestContext): Promise<void> {
    const code = 'too-many-requests';
    await this.#recorder.add(`${code} ${principal.tenant} ${principal.subject}`, {
      action: 'request.limit',
      actor: principal,
      reason: { code },
      request,
    });
  }

  /**
   * Records a denied call before it is answered.
   *
   * @throws AuditUnavailable
   */
  async recordDenied(
    principal: Principal,
    { code, ...details }: DeniedCall,
    request: RequestContext,
  ): Promise<void> {
    await this.trail.record({
      action: 'authorization.deny',
      outcome: 'denied',
      actor: principal,
      reason: { code },
      request,
      details,
    });
  }
}

/** The denial without principal, address and detail, for an entry that several share. */
function anonymized({ action, reason, request }: AggregatedDenial): AggregatedDenial {
  return {
    action,
    actor: { kind: 'unauthenticated' },
    reason: { code: reason.code },
    request: { requestId: request.requestId },
  };
}
