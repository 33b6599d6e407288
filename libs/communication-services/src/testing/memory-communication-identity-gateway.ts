import { randomUUID } from 'node:crypto';
import type { Clock, CommunicationUserId } from '#libs/platform';
import { communicationUserIdOf } from '#libs/platform/testing';
import type { AcsOperation } from '#libs/request-budget';
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
import {
  AccessNotAssigned,
  EntraTokenRefused,
  IdentityMissing,
  IdentityNotOwned,
  TeamsTokenRefused,
  UpstreamUnavailable,
} from '../errors.js';
import type { CommunicationResources } from '../resources/communication-resources.js';

interface MemoryIdentity {
  readonly resource: string;
  revocations: number;
}

interface MemoryToken {
  readonly communicationUserId: CommunicationUserId;
  /** Revocations of the identity before the token was issued. */
  readonly revocations: number;
}

interface PlannedFailure {
  readonly operation: AcsOperation;
  readonly error: Error;
  readonly isApplied: boolean;
}

/** A gateway to an ACS in memory, with evidence that looks like ACS's. */
export class MemoryCommunicationIdentityGateway extends CommunicationIdentityGateway {
  /** The identities that exist, by id. */
  readonly identities = new Map<string, MemoryIdentity>();
  /** Every call to ACS, failed ones too. */
  readonly calls: { readonly operation: AcsOperation; readonly call: GatewayCall }[] = [];
  /** Teams tokens that are accepted, and for whom. */
  readonly teamsTokens = new Map<string, { clientApp: string; subject: string; expiresOn: Date }>();
  /** Entra tokens that are accepted, with the expiry of the token that each gives. */
  readonly entraTokens = new Map<string, Date>();
  /** By resource, tenant and object id. */
  readonly assignments = new Map<string, TeamsPhoneAssignment>();
  readonly #tokens = new Map<string, MemoryToken>();
  readonly #failures: PlannedFailure[] = [];

  constructor(
    private readonly resources: CommunicationResources,
    private readonly clock: Clock,
  ) {
    super();
  }

  /**
   * Makes the next call of the operation reject.
   *
   * @param isApplied whether it takes effect all the same, as when only the response is lost
   */
  failNext(operation: AcsOperation, error: Error, isApplied = false): void {
    this.#failures.push({ operation, error, isApplied });
  }

  /** Whether ACS accepts a token of an identity: neither it nor the identity was revoked or deleted. */
  isValid(token: string): boolean {
    const issued = this.#tokens.get(token);
    if (!issued) return false;
    return this.identities.get(issued.communicationUserId)?.revocations === issued.revocations;
  }

  async createIdentity(call: GatewayCall): Promise<CreatedIdentity> {
    return this.#perform('create', call, () => ({ communicationUserId: this.#add(call) }));
  }

  async createIdentityWithToken(
    call: GatewayCall,
    token: TokenRequest,
  ): Promise<CreatedIdentity & IssuedToken> {
    return this.#perform('createWithToken', call, () => {
      const communicationUserId = this.#add(call);
      return { communicationUserId, ...this.#issue({ ...token, communicationUserId }) };
    });
  }

  async issueToken(
    call: GatewayCall,
    token: TokenRequest & { readonly communicationUserId: CommunicationUserId },
  ): Promise<IssuedToken> {
    this.#assertOwned(call, token.communicationUserId);
    return this.#perform('issue', call, () => this.#issue(token));
  }

  async revokeTokens(
    call: GatewayCall,
    communicationUserId: CommunicationUserId,
  ): Promise<Acknowledged> {
    this.#assertOwned(call, communicationUserId);
    return this.#perform('revoke', call, () => {
      const identity = this.identities.get(communicationUserId);
      if (identity) identity.revocations += 1;
      return {};
    });
  }

  async deleteIdentity(
    call: GatewayCall,
    communicationUserId: CommunicationUserId,
  ): Promise<Acknowledged> {
    this.#assertOwned(call, communicationUserId);
    return this.#perform('delete', call, () => {
      this.identities.delete(communicationUserId);
      return {};
    });
  }

  async exchangeTeamsToken(
    call: GatewayCall,
    exchange: { teamsUserToken: string; clientApp: string; subject: string },
  ): Promise<ExchangedToken> {
    return this.#perform('exchange', call, () => {
      const accepted = this.teamsTokens.get(exchange.teamsUserToken);
      const isCallers =
        accepted?.clientApp === exchange.clientApp && accepted.subject === exchange.subject;
      if (!accepted || !isCallers) throw new TeamsTokenRefused();
      const communicationUserId = communicationUserIdOf(`8:orgid:${exchange.subject}`);
      const token = `memory-teams-token-${randomUUID()}`;
      return { token, expiresOn: accepted.expiresOn, communicationUserId };
    });
  }

  /** Accepts the tokens of `entraTokens`, for users with an assignment; the preview needs none. */
  async exchangeEntraToken(call: GatewayCall, exchange: EntraExchange): Promise<ExchangedToken> {
    const { exchange: name, entraToken, tenant, objectId } = exchange;
    const isTeams = name === 'teams-extension';
    const operation = isTeams ? 'exchangeTeamsExtension' : 'exchangeEntra';
    return this.#perform(operation, call, () => {
      const expiresOn = this.entraTokens.get(entraToken);
      if (expiresOn === undefined) throw new EntraTokenRefused();
      const isAssigned = this.assignments.has(assignmentKey(call, exchange));
      if (isTeams && !isAssigned) throw new AccessNotAssigned();
      const { immutableResourceId } = this.resources.find(call.resource);
      const mark = isTeams ? '' : 'wf_';
      const id = `8:acs:${immutableResourceId}_${mark}${tenant}_${objectId}`;
      const token = `memory-entra-token-${randomUUID()}`;
      return { token, expiresOn, communicationUserId: communicationUserIdOf(id) };
    });
  }

  async putAssignment(call: GatewayCall, assignment: TeamsPhoneAssignment): Promise<Acknowledged> {
    return this.#perform('assign', call, () => {
      this.assignments.set(assignmentKey(call, assignment), assignment);
      return {};
    });
  }

  async readAssignment(
    call: GatewayCall,
    holder: AssignmentHolder,
  ): Promise<Acknowledged & { readonly assignment: TeamsPhoneAssignment | undefined }> {
    return this.#perform('readAssignment', call, () => ({
      assignment: this.assignments.get(assignmentKey(call, holder)),
    }));
  }

  async deleteAssignment(call: GatewayCall, holder: AssignmentHolder): Promise<Acknowledged> {
    return this.#perform('unassign', call, () => {
      this.assignments.delete(assignmentKey(call, holder));
      return {};
    });
  }

  async #perform<T extends object>(
    operation: AcsOperation,
    call: GatewayCall,
    apply: () => T,
  ): Promise<T & Acknowledged> {
    this.resources.find(call.resource);
    if ((call.rightEndsAt ?? Infinity) <= this.clock.monotonicNow())
      throw new UpstreamUnavailable();
    this.calls.push({ operation, call });
    const at = this.#failures.findIndex((failure) => failure.operation === operation);
    const [failure] = at < 0 ? [] : this.#failures.splice(at, 1);
    // Other work runs in between, as during a real call.
    await new Promise(setImmediate);
    if (failure && !failure.isApplied) throw failure.error;
    const value = apply();
    if (failure) throw failure.error;
    const correlationVector = `${randomUUID().replaceAll('-', '').slice(0, 22)}.0`;
    return { ...value, evidence: { secretVersion: 'memory', correlationVector } };
  }

  #add(call: GatewayCall): CommunicationUserId {
    const { immutableResourceId, name } = this.resources.find(call.resource);
    const id = communicationUserIdOf(`8:acs:${immutableResourceId}_${randomUUID()}`);
    this.identities.set(id, { resource: name, revocations: 0 });
    return id;
  }

  #issue({
    communicationUserId,
    expiresInMinutes,
  }: TokenRequest & { readonly communicationUserId: CommunicationUserId }): {
    token: string;
    expiresOn: Date;
  } {
    const identity = this.identities.get(communicationUserId);
    if (!identity) throw new IdentityMissing();
    const token = `memory-token-${randomUUID()}`;
    this.#tokens.set(token, { communicationUserId, revocations: identity.revocations });
    return { token, expiresOn: new Date(this.clock.now() + expiresInMinutes * 60_000) };
  }

  #assertOwned(call: GatewayCall, communicationUserId: CommunicationUserId): void {
    const owner = this.resources.ofCommunicationUserId(communicationUserId);
    if (owner !== this.resources.find(call.resource)) throw new IdentityNotOwned();
  }
}

/** The key in `MemoryCommunicationIdentityGateway.assignments`. */
function assignmentKey(
  { resource }: Pick<GatewayCall, 'resource'>,
  { tenant, objectId }: AssignmentHolder,
): string {
  return `${resource} ${tenant} ${objectId}`;
}
