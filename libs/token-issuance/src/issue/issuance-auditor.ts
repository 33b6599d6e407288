import { Injectable } from '@nestjs/common';
import { type AuditAction, type AuditEvent, AuditTrail, type RecordOptions } from '#libs/audit';
import { auditTargetOf, recordingRefusal } from '#libs/identity-mapping';
import { ServiceError, StorageUnavailable } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import type { Decision } from '../policy/issuance-policy.js';
import type { CallerContext, IssuanceRequest } from './issuance-request.js';

type IssuanceAction = Extract<AuditAction, 'token.issue' | 'token.reuse' | 'token.exchange'>;

/** The audit entries of issuance. */
@Injectable()
export class IssuanceAuditor {
  constructor(
    private readonly audit: AuditTrail,
    private readonly metrics: IssuanceMetrics,
  ) {}

  /** What all entries about a request have in common. */
  event(
    action: IssuanceAction,
    { actor, request, identity, isForOthers, mapping, exchange }: IssuanceRequest,
    { rule, version, evaluatedRules }: Decision<unknown>,
  ): Omit<AuditEvent, 'outcome'> {
    const { tenant, subject, kind } = identity;
    const details = {
      ...exchange?.details,
      ...(isForOthers && { forOthers: true }),
      ...(evaluatedRules.length > 0 && {
        trials: evaluatedRules.map((evaluated) => `${evaluated.rule}: ${evaluated.outcome}`),
      }),
    };
    return {
      action,
      actor,
      request,
      target: {
        ...(mapping && auditTargetOf(mapping)),
        ...exchange?.target,
        ...{ tenant, subject, kind },
      },
      policy: { rule: rule ?? 'none', version },
      ...(Object.keys(details).length > 0 && { details }),
    };
  }

  /** Reads the mapping to issue for, and records that there is none: deleted, missing, another tenant's. */
  async recordingRefusal<T>(
    identityId: string,
    context: CallerContext,
    read: () => Promise<T>,
  ): Promise<T> {
    const target = { identityId, tenant: context.actor.tenant };
    return recordingRefusal(this.audit, { action: 'token.issue', target }, context, read);
  }

  /** Counts a refusal and records it, unless the audit log itself is unavailable. */
  async recordRefusal(
    action: IssuanceAction,
    request: IssuanceRequest,
    decision: Decision<unknown>,
    error: unknown,
  ): Promise<void> {
    if (!(error instanceof ServiceError)) return;
    this.metrics.observeRequest(decision.rule, error.code);
    if (error instanceof StorageUnavailable) return;
    await this.audit.record({ ...this.event(action, request, decision), ...refused(error) });
  }

  /** Records that a token which ACS has issued is not released. The refusal gets an entry of its own. */
  async recordWithheld(event: AuditEvent, error: unknown): Promise<void> {
    if (!(error instanceof ServiceError) || error instanceof StorageUnavailable) return;
    const details = { ...event.details, withheld: true };
    await this.audit.record({ ...event, ...refused(error), outcome: 'failure', details });
  }

  /** Records that a token which ACS has issued is not released, because its caller has gone. */
  async recordGone(event: AuditEvent): Promise<void> {
    const details = { ...event.details, withheld: true };
    await this.audit.record({ ...event, outcome: 'failure', reason: LATE, details });
  }

  /**
   * How an event is recorded that says that its caller receives a token. When the caller has gone before
   * the commit was confirmed, another entry states that the token was withheld.
   */
  optionsFor(event: AuditEvent, { request }: Pick<IssuanceRequest, 'request'>): RecordOptions {
    return {
      signal: request.signal,
      late: (receipts) => {
        // A token's entry is the last of those that are recorded with it.
        const index = receipts.at(-1)?.index ?? -1;
        const details = { ...event.details, withheld: true, entryIndex: index };
        return [{ ...event, outcome: 'failure', reason: LATE, details }];
      },
    };
  }
}

const LATE = {
  code: 'audit-late',
  detail: 'the caller had gone before the entry of its token was committed',
};

function refused(error: ServiceError): Pick<AuditEvent, 'outcome' | 'reason'> {
  return {
    outcome: error.status < 500 ? 'denied' : 'failure',
    reason: { code: error.code, detail: error.detail },
  };
}
