import { Injectable } from '@nestjs/common';
import { CommunicationIdentityGateway, CommunicationResources } from '#libs/communication-services';
import { canonicalCommunicationUserId } from '#libs/platform';
import { type CallerContext, policySubjectOf } from '../issue/issuance-request.js';
import { IssuancePolicies } from '../policy-loading/issuance-policies.js';
import { TeamsTokensNotAllowed } from '../policy/errors.js';
import { type ReleasedToken, TokenExchange } from './token-exchange.js';

/** Exchanges the Entra token of a Teams user for an ACS token of that user. */
@Injectable()
export class TeamsExchangeService {
  constructor(
    private readonly policies: IssuancePolicies,
    private readonly resources: CommunicationResources,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly exchanges: TokenExchange,
  ) {}

  /**
   * Exchanges a Teams token of the caller. ACS compares the token's user and application with those
   * of the caller's own verified token, so that a Teams token is of no use to another user.
   *
   * @param context of a signed-in user
   * @returns a token that expires with the Teams token
   * @throws TeamsTokensNotAllowed when the policy does not allow it
   * @throws MappingNotActive when the caller is suspended
   * @throws TeamsTokenRefused when ACS does not accept the Teams token
   */
  async exchange(teamsUserToken: string, context: CallerContext): Promise<ReleasedToken> {
    const { request } = context;
    const { tenant, subject, kind, clientApp } = context.actor;
    const communicationUserId = canonicalCommunicationUserId(`8:orgid:${subject}`);
    const issuance = {
      ...context,
      identity: { tenant, subject, kind },
      isForOthers: false,
      exchange: { target: { ...(communicationUserId && { communicationUserId }) } },
    };
    return this.exchanges.perform({
      request: issuance,
      decision: this.policies.current.decideTeamsExchange(policySubjectOf(issuance)),
      scope: 'teams',
      send: async () => {
        if (clientApp === undefined || kind !== 'user') throw new TeamsTokensNotAllowed();
        const resource = this.resources.forTenant(tenant).name;
        return this.gateway.exchangeTeamsToken(
          { resource, request, tenant, clientApp },
          { teamsUserToken, clientApp, subject },
        );
      },
    });
  }
}
