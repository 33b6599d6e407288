import type { TokenScope } from '@azure/communication-identity';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import type { CommunicationUserId } from '#libs/platform';
import type { RequestBudget } from '#libs/request-budget';
import {
  type Acknowledged,
  type AssignmentHolder,
  CommunicationIdentityGateway,
  type CreatedIdentity,
  type EntraExchange,
  type ExchangedToken,
  type GatewayCall,
  type IssuedToken,
  type TeamsPhoneAssignment,
  type TokenRequest,
} from '../communication-identity-gateway.js';
import { IdentityMissing, IdentityNotOwned } from '../errors.js';
import type { CommunicationResources } from '../resources/communication-resources.js';
import type { AcsCall } from './acs-call.js';
import { AcsCaller, type AcsCallerDependencies } from './acs-caller.js';
import type { AcsClients } from './acs-clients.js';
import { AbsentAssignment } from './upstream-failure.js';

/** A gateway that calls Azure Communication Services through its SDK. */
export class AcsCommunicationIdentityGateway
  extends CommunicationIdentityGateway
  implements BeforeApplicationShutdown
{
  readonly #caller: AcsCaller;

  constructor(
    private readonly resources: CommunicationResources,
    private readonly clients: AcsClients,
    budget: RequestBudget,
    dependencies: AcsCallerDependencies,
  ) {
    super();
    this.#caller = new AcsCaller(clients, budget, dependencies);
  }

  /** Closes the connections to ACS once the requests in progress have been answered. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.clients.close();
  }

  async createIdentity(call: GatewayCall): Promise<CreatedIdentity> {
    const { value, evidence } = await this.#caller.perform({
      operation: 'create',
      identityOf,
      call,
      resource: this.resources.find(call.resource),
      requester: call.subject,
      send: async ({ client }, options, responses) =>
        responses.user(await client.createUser(options)),
    });
    return { ...value, evidence };
  }

  async createIdentityWithToken(
    call: GatewayCall,
    { scopes, expiresInMinutes }: TokenRequest,
  ): Promise<CreatedIdentity | (CreatedIdentity & IssuedToken)> {
    const { value, evidence } = await this.#caller.perform({
      operation: 'createWithToken',
      identityOf,
      call,
      resource: this.resources.find(call.resource),
      requester: call.subject,
      send: async ({ client }, options, responses) => {
        const response = await client.createUserAndToken(scopesOf(scopes), {
          ...options,
          tokenExpiresInMinutes: expiresInMinutes,
        });
        const user = responses.user(response.user);
        return { ...responses.tokenIfUsable(response, user.communicationUserId), ...user };
      },
    });
    return { ...value, evidence };
  }

  async issueToken(
    call: GatewayCall,
    token: TokenRequest & { readonly communicationUserId: CommunicationUserId },
  ): Promise<IssuedToken> {
    const { communicationUserId, scopes, expiresInMinutes } = token;
    const { value, evidence } = await this.#caller.perform({
      operation: 'issue',
      ...this.#callAbout(communicationUserId, call),
      send: async ({ client }, options, responses) => {
        const user = { communicationUserId };
        const lifetime = { ...options, tokenExpiresInMinutes: expiresInMinutes };
        const response = await client.getToken(user, scopesOf(scopes), lifetime);
        return responses.token(response, communicationUserId);
      },
    });
    return { ...value, evidence };
  }

  async revokeTokens(
    call: GatewayCall,
    communicationUserId: CommunicationUserId,
  ): Promise<Acknowledged> {
    return this.#performUnlessMissing({
      operation: 'revoke',
      ...this.#callAbout(communicationUserId, call),
      send: async ({ client }, options) => client.revokeTokens({ communicationUserId }, options),
    });
  }

  async deleteIdentity(
    call: GatewayCall,
    communicationUserId: CommunicationUserId,
  ): Promise<Acknowledged> {
    return this.#performUnlessMissing({
      operation: 'delete',
      ...this.#callAbout(communicationUserId, call),
      send: async ({ client }, options) => client.deleteUser({ communicationUserId }, options),
    });
  }

  async exchangeTeamsToken(
    call: GatewayCall,
    exchange: { teamsUserToken: string; clientApp: string; subject: string },
  ): Promise<ExchangedToken> {
    const { value, evidence } = await this.#caller.perform({
      operation: 'exchange',
      call,
      resource: this.resources.find(call.resource),
      requester: exchange.subject,
      send: async ({ client }, options, responses) => {
        const response = await client.getTokenForTeamsUser({
          ...options,
          teamsUserAadToken: exchange.teamsUserToken,
          clientId: exchange.clientApp,
          userObjectId: exchange.subject,
        });
        return responses.teamsToken(response, exchange.subject);
      },
    });
    return { ...value, evidence };
  }

  async exchangeEntraToken(call: GatewayCall, exchange: EntraExchange): Promise<ExchangedToken> {
    const isTeamsExtension = exchange.exchange === 'teams-extension';
    const { value, evidence } = await this.#caller.perform({
      operation: isTeamsExtension ? 'exchangeTeamsExtension' : 'exchangeEntra',
      ...this.#callAboutAssignment(exchange, call),
      sendUnsigned: async ({ exchanges }, options, responses) =>
        responses.exchanged(await exchanges.exchange(exchange, options), exchange),
    });
    return { ...value, evidence };
  }

  async putAssignment(call: GatewayCall, assignment: TeamsPhoneAssignment): Promise<Acknowledged> {
    const { evidence } = await this.#caller.perform({
      operation: 'assign',
      ...this.#callAboutAssignment(assignment, call),
      send: async ({ assignments }, options, responses) =>
        responses.storedAssignment(await assignments.put(assignment, options), assignment),
    });
    return { evidence };
  }

  async readAssignment(
    call: GatewayCall,
    holder: AssignmentHolder,
  ): Promise<Acknowledged & { readonly assignment: TeamsPhoneAssignment | undefined }> {
    try {
      const { value, evidence } = await this.#caller.perform({
        operation: 'readAssignment',
        ...this.#callAboutAssignment(holder, call),
        send: async ({ assignments }, options, responses) =>
          responses.assignment(await assignments.read(holder, options), holder),
      });
      return { assignment: value, evidence };
    } catch (error) {
      if (error instanceof AbsentAssignment) return { assignment: undefined, evidence: {} };
      throw error;
    }
  }

  async deleteAssignment(call: GatewayCall, holder: AssignmentHolder): Promise<Acknowledged> {
    return this.#performUnlessMissing({
      operation: 'unassign',
      ...this.#callAboutAssignment(holder, call),
      send: async ({ assignments }, options) => assignments.delete(holder, options),
    });
  }

  #callAboutAssignment(
    { objectId }: AssignmentHolder,
    call: GatewayCall,
  ): Pick<AcsCall<unknown>, 'call' | 'resource' | 'requester'> {
    return { call, resource: this.resources.find(call.resource), requester: objectId };
  }

  /** A missing identity has neither data nor tokens, a missing assignment none: the call has succeeded. */
  async #performUnlessMissing(acsCall: AcsCall<void>): Promise<Acknowledged> {
    try {
      const { evidence } = await this.#caller.perform(acsCall);
      return { evidence };
    } catch (error) {
      const isMissing = error instanceof IdentityMissing || error instanceof AbsentAssignment;
      if (isMissing) return { evidence: {} };
      throw error;
    }
  }

  /** @throws IdentityNotOwned which saves a call that ACS would refuse */
  #callAbout(
    communicationUserId: CommunicationUserId,
    call: GatewayCall,
  ): Pick<AcsCall<unknown>, 'call' | 'resource' | 'requester'> {
    const resource = this.resources.find(call.resource);
    const owner = this.resources.ofCommunicationUserId(communicationUserId);
    if (owner !== resource) throw new IdentityNotOwned();
    return { call, resource, requester: communicationUserId };
  }
}

function identityOf({
  communicationUserId,
}: Pick<CreatedIdentity, 'communicationUserId'>): CommunicationUserId {
  return communicationUserId;
}

/** The policy decides on scopes; ACS on which exist, whatever the SDK's type lists. */
function scopesOf(scopes: readonly string[]): TokenScope[] {
  return [...scopes] as TokenScope[];
}
