import { Injectable } from '@nestjs/common';
import { type AuditReceipt, AuditTrail, TokenFingerprints } from '#libs/audit';
import type { Principal } from '#libs/authentication';
import { CommunicationIdentityGateway, CommunicationResources } from '#libs/communication-services';
import { IdentityMappingService, MappingNotFound } from '#libs/identity-mapping';
import type { RequestContext } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import { type IssuanceRequest, IssuanceAuditor } from '../issue/issuance-auditor.js';
import { IssuancePolicies } from '../policy/issuance-policies.js';
import { TeamsTokensNotAllowed } from '../policy/errors.js';
import { TokenQuota } from '../issue/token-quota.js';

/** What a Teams user's token was exchanged for. */
export interface ExchangedToken {
  /** Opaque. Lives as long as the Teams token that it was made from. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly auditEntry: AuditReceipt;
}

/** Exchanges the Entra token of a Teams user for an ACS token, so that they act as themselves. */
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
    private readonly records: IssuanceAuditor,
    private readonly metrics: IssuanceMetrics,
  ) {}

  /**
   * Exchanges a token of the caller's own. User and application come from the caller's validated
   * token: ACS holds them against the Teams token, so that nobody can replay another one's.
   *
   * @param caller a signed-in user
   * @throws TeamsTokensNotAllowed when the policy does not let the caller
   * @throws MappingNotActive when the caller is suspended
   * @throws TeamsTokenRefused when ACS does not take the Teams token
   */
  async exchange(
    caller: Principal,
    teamsUserToken: string,
    request: RequestContext,
  ): Promise<ExchangedToken> {
    const { tenant, subject, kind } = caller;
    const asked = { caller, request, identity: { tenant, subject, kind }, isForOthers: false };
    const subjectOfPolicy = this.records.policySubject(asked);
    const decision = this.policies.current.decideTeamsExchange(subjectOfPolicy);
    this.metrics.tried(decision.trials);
    try {
      if ('refusal' in decision) throw decision.refusal;
      const { clientApp } = caller;
      if (clientApp === undefined || kind !== 'user') throw new TeamsTokensNotAllowed();
      await this.#requireNotSuspended(asked);
      const { tokensPerHour } = decision.grant;
      const giveBack =
        tokensPerHour === undefined
          ? undefined
          : await this.quota.take(asked.identity, tokensPerHour);
      const resource = this.resources.forTenant(tenant).name;
      const { token, expiresOn, evidence } = await this.gateway
        .exchangeTeamsToken(
          { resource, request, tenant, clientApp },
          { teamsUserToken, clientApp, subject },
        )
        .catch(async (error: unknown) => {
          await giveBack?.().catch(() => undefined); // comes free by itself within the hour
          throw error;
        });
      const auditEntry = await this.audit.record({
        ...this.records.event('token.exchange', asked, decision),
        outcome: 'success',
        // What it allows is said by the Teams token, which ACS alone reads.
        token: { ...(await this.fingerprints.of(token)), scopes: ['teams'], expiresOn },
        upstream: evidence,
      });
      this.metrics.answered(decision.rule, 'exchanged');
      return { token, expiresOn, auditEntry };
    } catch (error) {
      await this.records.refusal('token.exchange', asked, decision, error);
      throw error;
    }
  }

  /** Who is suspended gets no tokens by this way either. Who has no mapping needs none. */
  async #requireNotSuspended({ identity }: IssuanceRequest): Promise<void> {
    try {
      await this.mappings.requireUnchanged(await this.mappings.find(identity));
    } catch (error) {
      if (!(error instanceof MappingNotFound)) throw error;
    }
  }
}
