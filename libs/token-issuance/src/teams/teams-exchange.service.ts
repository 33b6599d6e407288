import { Injectable } from '@nestjs/common';
import { type AuditEvent, type AuditReceipt, AuditTrail, TokenFingerprints } from '#libs/audit';
import { CommunicationIdentityGateway, CommunicationResources } from '#libs/communication-services';
import {
  type ApplicationIdentity,
  IdentityMappingService,
  MappingNotFound,
} from '#libs/identity-mapping';
import { IssuanceMetrics } from '../metrics.js';
import { IssuanceAuditor } from '../issue/issuance-auditor.js';
import { type CallerContext, policySubjectOf } from '../issue/issuance-request.js';
import { IssuancePolicies } from '../policy-loading/issuance-policies.js';
import { TeamsTokensNotAllowed } from '../policy/errors.js';
import { TokenQuota } from '../issue/token-quota.js';

/** The ACS token of a Teams user. */
export interface ExchangedToken {
  /** Opaque. Expires with the Teams token that it was exchanged for. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly auditEntry: AuditReceipt;
}

/** Exchanges the Entra token of a Teams user for an ACS token of that user. */
@Injectable()
export class TeamsExchangeService {
  constructor(
    private readonly policies: IssuancePolicies,
    private readonly mappings: IdentityMappingService,
    private readonly resources: CommunicationResources,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly fingerprints: TokenFingerprints,
    private readonly quota: TokenQuota,
    private readonly auditor: IssuanceAuditor,
    private readonly metrics: IssuanceMetrics,
  ) {}

  /**
   * Exchanges a Teams token of the caller. ACS compares the token's user and application with those
   * of the caller's own verified token, so that a Teams token is of no use to another user.
   *
   * @param context of a signed-in user
   * @throws TeamsTokensNotAllowed when the policy does not allow it
   * @throws MappingNotActive when the caller is suspended
   * @throws TeamsTokenRefused when ACS does not accept the Teams token
   */
  async exchange(teamsUserToken: string, context: CallerContext): Promise<ExchangedToken> {
    const { request } = context;
    const { tenant, subject, kind, clientApp } = context.actor;
    const issuance = { ...context, identity: { tenant, subject, kind }, isForOthers: false };
    const decision = this.policies.current.decideTeamsExchange(policySubjectOf(issuance));
    this.metrics.observeEvaluatedRules(decision.evaluatedRules);
    try {
      if ('refusal' in decision) throw decision.refusal;
      if (clientApp === undefined || kind !== 'user') throw new TeamsTokensNotAllowed();
      this.audit.requireCapacity(); // before ACS issues a token in vain
      await this.#requireNotSuspended(issuance.identity);
      const release = await this.quota.take(issuance.identity, decision.grant.tokensPerHour);
      const resource = this.resources.forTenant(tenant).name;
      const { token, expiresOn, evidence } = await this.gateway
        .exchangeTeamsToken(
          { resource, request, tenant, clientApp },
          { teamsUserToken, clientApp, subject },
        )
        .catch(async (error: unknown) => {
          await release();
          throw error;
        });
      const event: AuditEvent = {
        ...this.auditor.event('token.exchange', issuance, decision),
        outcome: 'success',
        // The scopes are in the Teams token, which only ACS reads.
        token: { ...(await this.fingerprints.of(token)), scopes: ['teams'], expiresOn },
        upstream: evidence,
      };
      const options = this.auditor.optionsFor(event, context);
      const auditEntry = await this.audit.record(event, undefined, options);
      this.metrics.observeRequest(decision.rule, 'exchanged');
      return { token, expiresOn, auditEntry };
    } catch (error) {
      await this.auditor.recordRefusal('token.exchange', issuance, decision, error);
      throw error;
    }
  }

  /** A Teams token needs no mapping, but a suspended mapping gets no Teams tokens either. */
  async #requireNotSuspended(identity: ApplicationIdentity): Promise<void> {
    try {
      await this.mappings.requireUnchanged(await this.mappings.find(identity));
    } catch (error) {
      if (!(error instanceof MappingNotFound)) throw error;
    }
  }
}
