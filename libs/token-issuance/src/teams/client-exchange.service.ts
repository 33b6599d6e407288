import { Injectable } from '@nestjs/common';
import {
  AccessNotAssigned,
  type ClientExchange,
  CommunicationIdentityGateway,
  CommunicationResources,
} from '#libs/communication-services';
import { canonicalCommunicationUserId, canonicalGuid, type Guid } from '#libs/platform';
import {
  type Assignment,
  AssignmentChanged,
  AssignmentPending,
  isRevoking,
  TeamsPhoneAssignments,
} from '#libs/teams-phone';
import { type CallerContext, policySubjectOf } from '../issue/issuance-request.js';
import { IssuancePolicies } from '../policy-loading/issuance-policies.js';
import { ExchangeNotAllowed } from '../policy/errors.js';
import { type ReleaseCondition, type ReleasedToken, TokenExchange } from './token-exchange.js';

/** An exchange as Microsoft's client library requests it. */
export interface ClientExchangeRequest {
  readonly exchange: ClientExchange;
  /** Of the API of ACS, as the client names it. */
  readonly version: string;
  /** The verified token of the caller. */
  readonly entraToken: string;
}

/** The token's scope in its entry. */
const SCOPES = { 'teams-extension': 'teams.extension', entra: 'entra' } as const;

/** Takes the exchanges of Microsoft's client library in the place of ACS. */
@Injectable()
export class ClientExchangeService {
  constructor(
    private readonly policies: IssuancePolicies,
    private readonly resources: CommunicationResources,
    private readonly assignments: TeamsPhoneAssignments,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly exchanges: TokenExchange,
  ) {}

  /**
   * Exchanges the token of the caller at ACS, which decides by the assignment of the user. Whose
   * assignment is being deleted here gets none, whether ACS has confirmed that or not. A token that ACS gave
   * while the assignment was changed is withheld. Safe to repeat.
   *
   * @param context of a user who came with `entraToken`
   * @throws ExchangeNotAllowed, NoRuleApplies when the policy does not allow it
   * @throws MappingNotActive when the caller is suspended
   * @throws AccessNotAssigned when no assignment lets the user have a token through the application
   * @throws AssignmentPending while the tokens of the assignment are revoked, or when it has changed meanwhile
   * @throws EntraTokenRefused when ACS does not accept the token
   */
  async exchange(wanted: ClientExchangeRequest, context: CallerContext): Promise<ReleasedToken> {
    const { actor, request } = context;
    const { subject, kind, clientApp } = actor;
    const [tenant, objectId] = [canonicalGuid(actor.tenant), canonicalGuid(subject)];
    const holder = tenant && objectId && { tenant, objectId };
    const isTeamsPhone = wanted.exchange === 'teams-extension';
    const known = holder && isTeamsPhone ? await this.assignments.find(holder) : undefined;
    const assignment = known?.status === 'deleted' ? undefined : known;
    const resource = assignment?.resource ?? this.resources.forTenant(actor.tenant).name;
    const issuance = {
      ...context,
      identity: { tenant: actor.tenant, subject, kind },
      isForOthers: false,
      exchange: {
        target: { ...this.#userOf(wanted.exchange, actor, resource), resource },
        details: { exchange: wanted.exchange, ...detailsOf(assignment) },
      },
    };
    return this.exchanges.perform({
      request: issuance,
      decision: this.policies.current.decideClientExchange(
        policySubjectOf(issuance),
        wanted.exchange,
      ),
      scope: SCOPES[wanted.exchange],
      send: async () => {
        if (!holder || clientApp === undefined || kind !== 'user') throw new ExchangeNotAllowed();
        if (assignment && isRevoking(assignment)) throw refusalUnder(assignment);
        const call = { resource, request, tenant: actor.tenant, clientApp };
        return this.gateway.exchangeEntraToken(call, { ...wanted, ...holder });
      },
      condition: holder && isTeamsPhone ? this.#conditionOf(holder, known) : undefined,
    });
  }

  /** That the assignment is what it was before ACS was called, and its tokens are not being revoked. */
  #conditionOf(
    holder: { readonly tenant: Guid; readonly objectId: Guid },
    known: Assignment | undefined,
  ): ReleaseCondition {
    return {
      unchanged: this.assignments.unchanged(holder, known),
      refusalOf: async (error) =>
        error instanceof AssignmentChanged
          ? refusalUnder(await this.assignments.find(holder))
          : error,
    };
  }

  /**
   * The id that ACS gives to the user in the public cloud, which the entry of a refusal names; none for a
   * resource that is no longer configured.
   */
  #userOf(
    exchange: ClientExchange,
    { tenant, subject }: CallerContext['actor'],
    resource: string,
  ): { readonly communicationUserId?: string } {
    if (!this.resources.has(resource)) return {};
    const { immutableResourceId } = this.resources.find(resource);
    const mark = exchange === 'entra' ? 'wf_' : '';
    const id = `8:acs:${immutableResourceId}_${mark}${tenant}_${subject}`;
    const communicationUserId = canonicalCommunicationUserId(id);
    return communicationUserId ? { communicationUserId } : {};
  }
}

/** Why nobody gets a token under an assignment that is being revoked, deleted or changed. */
function refusalUnder(assignment: Pick<Assignment, 'status'> | undefined): Error {
  const isOver = assignment?.status === 'deleting' || assignment?.status === 'deleted';
  return isOver ? new AccessNotAssigned() : new AssignmentPending();
}

function detailsOf(assignment: Assignment | undefined): Record<string, string | number> {
  if (!assignment) return {};
  return { assignment: assignment.id, assignmentVersion: assignment.version };
}
