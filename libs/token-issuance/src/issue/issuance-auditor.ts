import { Injectable } from '@nestjs/common';
import { type AuditAction, type AuditEvent, AuditTrail } from '#libs/audit';
import type { Principal } from '#libs/authentication';
import type { ApplicationIdentity, ProvisionedMapping } from '#libs/identity-mapping';
import { type RequestContext, ServiceError } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import type { Decision, PolicySubject } from '../policy/issuance-policy.js';

/** Who asks a token for whom. */
export interface IssuanceRequest {
  readonly caller: Principal;
  readonly request: RequestContext;
  /** Whom the token is for. */
  readonly identity: ApplicationIdentity;
  readonly isForOthers: boolean;
  /** As far as it is known yet. */
  readonly mapping?: ProvisionedMapping;
}

/** Makes the audit entries of issuance, refusals among them. */
@Injectable()
export class IssuanceAuditor {
  constructor(
    private readonly audit: AuditTrail,
    private readonly metrics: IssuanceMetrics,
  ) {}

  policySubject({ caller, identity, isForOthers }: IssuanceRequest): PolicySubject {
    const { clientApp, permissions, isGuest } = caller;
    const { kind, tenant } = identity;
    return { kind, tenant, clientApp, permissions, isGuest, isForOthers };
  }

  /** What every entry about this request has in common. */
  event(
    action: AuditAction,
    { caller, request, identity, isForOthers, mapping }: IssuanceRequest,
    { rule, version, trials }: Pick<Decision, 'rule' | 'version' | 'trials'>,
  ): Omit<AuditEvent, 'outcome'> {
    const { tenant, subject, kind } = identity;
    const details = {
      ...(isForOthers && { forOthers: true }),
      ...(trials.length > 0 && {
        trials: trials.map((trial) => `${trial.rule}: ${trial.outcome}`),
      }),
    };
    return {
      action,
      actor: caller,
      request,
      target: {
        ...{ tenant, subject, kind },
        ...(mapping && {
          identityId: mapping.id,
          communicationUserId: mapping.communicationUserId,
          resource: mapping.resource,
        }),
      },
      policy: { rule: rule ?? 'none', version },
      ...(Object.keys(details).length > 0 && { details }),
    };
  }

  /** Refusals are evidence too. Where even that can't be recorded, the caller still gets no token. */
  async refusal(
    action: AuditAction,
    asked: IssuanceRequest,
    decision: Decision<unknown>,
    error: unknown,
  ): Promise<void> {
    if (!(error instanceof ServiceError)) return;
    this.metrics.answered(decision.rule, error.code);
    if (isUnrecordable(error)) return;
    await this.audit.record({ ...this.event(action, asked, decision), ...refused(error) });
  }

  /** Records a token that ACS gave but that is not released; the refusal is recorded besides. */
  async withheld(event: AuditEvent, error: unknown): Promise<void> {
    if (!(error instanceof ServiceError) || isUnrecordable(error)) return;
    const details = { ...event.details, withheld: true };
    await this.audit.record({ ...event, ...refused(error), outcome: 'failure', details });
  }
}

function refused(error: ServiceError): Pick<AuditEvent, 'outcome' | 'reason'> {
  return {
    outcome: error.status < 500 ? 'denied' : 'failure',
    reason: { code: error.code, detail: error.detail },
  };
}

/** Where the database is away there is no log to write to. */
function isUnrecordable({ code }: ServiceError): boolean {
  return code === 'audit-unavailable' || code === 'database-unavailable';
}
