import { Injectable } from '@nestjs/common';
import {
  type AuditEvent,
  type AuditReceipt,
  AuditTrail,
  type Caller,
  TokenFingerprints,
} from '#libs/audit';
import { CommunicationIdentityGateway } from '#libs/communication-services';
import { type EstablishedMapping, IdentityMappingService } from '#libs/identity-mapping';
import { type RequestContext, ServiceError } from '#libs/platform';
import { type Grant, IssuancePolicy, type TokenWish } from './issuance-policy.js';

/** A token and what it was issued for. */
export interface IssuedToken {
  /** Opaque; its format may change. Never logged, never stored. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly scopes: readonly string[];
  readonly mapping: EstablishedMapping;
  readonly auditEntry: AuditReceipt;
}

/** Issues ACS access tokens under the policy; none leaves before its audit entry is durable. */
@Injectable()
export class TokenIssuanceService {
  constructor(
    private readonly policy: IssuancePolicy,
    private readonly mappings: IdentityMappingService,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly fingerprints: TokenFingerprints,
  ) {}

  /**
   * Issues an access token for the caller's own identity, creating it on first use.
   *
   * Safe to repeat: a repeat gives a token for the same identity.
   *
   * @throws ScopesNotAllowed when the policy allows less than was asked for
   * @throws UpstreamUnavailable when ACS gave no answer within `acs.timeoutMs`
   * @throws AuditUnavailable when the issuance could not be recorded; no token was released
   */
  async issueForCaller(
    caller: Caller,
    wish: TokenWish,
    request: RequestContext,
  ): Promise<IssuedToken> {
    const { tenant, subject, kind } = caller;
    const event = { action: 'token.issue', actor: caller, request } as const;
    let target: NonNullable<AuditEvent['target']> = { tenant, subject, kind };
    try {
      const grant = this.policy.decide(wish);
      const mapping = await this.mappings.ensureActive({
        identity: { tenant, subject, kind },
        actor: caller,
        request,
      });
      target = {
        ...target,
        identityId: mapping.id,
        communicationUserId: mapping.communicationUserId,
        resource: mapping.resource,
      };
      return await this.#issue(mapping, grant, { ...event, target });
    } catch (error) {
      await this.#recordRefusal({ ...event, target }, error);
      throw error;
    }
  }

  async #issue(
    mapping: EstablishedMapping,
    { scopes, expiresInMinutes, rule, version }: Grant,
    event: Omit<AuditEvent, 'outcome'>,
  ): Promise<IssuedToken> {
    const { communicationUserId, resource } = mapping;
    const call = { resource, ...(event.request && { request: event.request }) };
    const { token, expiresOn, evidence } = await this.gateway.issueToken(call, {
      communicationUserId,
      scopes,
      expiresInMinutes,
    });
    const auditEntry = await this.audit.record({
      ...event,
      outcome: 'success',
      token: { ...(await this.fingerprints.of(token)), scopes, expiresOn },
      policy: { rule, version },
      upstream: evidence,
    });
    return { token, expiresOn, scopes, mapping, auditEntry };
  }

  /** Refusals are evidence too. Where even that can't be recorded, the caller still gets no token. */
  async #recordRefusal(event: Omit<AuditEvent, 'outcome'>, error: unknown): Promise<void> {
    if (!(error instanceof ServiceError)) return;
    if (error.code === 'audit-unavailable' || error.code === 'database-unavailable') return;
    await this.audit.record({
      ...event,
      outcome: error.status < 500 ? 'denied' : 'failure',
      reason: { code: error.code, detail: error.detail },
    });
  }
}
