import { randomUUID } from 'node:crypto';
import type { Clock } from '#libs/platform';
import {
  type Acknowledged,
  CommunicationIdentityGateway,
  type CreatedIdentity,
  type GatewayCall,
  type IssuedToken,
  type TokenRequest,
} from '../communication-identity-gateway.js';
import type { CommunicationResources } from '../resources/communication-resources.js';
import { IdentityMissing, IdentityNotOwned, TeamsTokenRefused } from '../errors.js';
import type { AcsOperation } from '#libs/request-budget';

/** What the fake keeps of one identity. */
interface MemoryIdentity {
  readonly resource: string;
  revocations: number;
}

interface PlannedFault {
  readonly operation: AcsOperation;
  readonly error: Error;
  readonly isApplied: boolean;
}

/** An ACS in memory, for tests: keeps the promises of the port, with evidence that looks like ACS's. */
export class MemoryCommunicationIdentityGateway extends CommunicationIdentityGateway {
  /** The identities that exist, by their ids. */
  readonly identities = new Map<string, MemoryIdentity>();
  /** Every call that came, refused ones too. */
  readonly calls: { readonly operation: AcsOperation; readonly call: GatewayCall }[] = [];
  /** Teams tokens that the fake accepts, with whose they are. */
  readonly teamsTokens = new Map<string, { clientApp: string; subject: string; expiresOn: Date }>();
  readonly #faults: PlannedFault[] = [];

  constructor(
    private readonly resources: CommunicationResources,
    private readonly clock: Clock,
  ) {
    super();
  }

  /**
   * Makes the next call of the operation reject.
   *
   * @param isApplied the call has its effect all the same, as when only the answer is lost
   */
  failNext(operation: AcsOperation, error: Error, isApplied = false): void {
    this.#faults.push({ operation, error, isApplied });
  }

  async createIdentity(call: GatewayCall): Promise<CreatedIdentity> {
    return this.#perform('create', call, () => ({ communicationUserId: this.#add(call) }));
  }

  async createIdentityWithToken(
    call: GatewayCall,
    wish: TokenRequest,
  ): Promise<CreatedIdentity & IssuedToken> {
    return this.#perform('createWithToken', call, () => ({
      communicationUserId: this.#add(call),
      ...this.#token(wish),
    }));
  }

  async issueToken(
    call: GatewayCall,
    wish: TokenRequest & { readonly communicationUserId: string },
  ): Promise<IssuedToken> {
    this.#mustOwn(call, wish.communicationUserId);
    return this.#perform('issue', call, () => {
      if (!this.identities.has(wish.communicationUserId)) throw new IdentityMissing();
      return this.#token(wish);
    });
  }

  async revokeTokens(call: GatewayCall, communicationUserId: string): Promise<Acknowledged> {
    this.#mustOwn(call, communicationUserId);
    return this.#perform('revoke', call, () => {
      const identity = this.identities.get(communicationUserId);
      if (identity) identity.revocations += 1;
      return {};
    });
  }

  async deleteIdentity(call: GatewayCall, communicationUserId: string): Promise<Acknowledged> {
    this.#mustOwn(call, communicationUserId);
    return this.#perform('delete', call, () => {
      this.identities.delete(communicationUserId);
      return {};
    });
  }

  async exchangeTeamsToken(
    call: GatewayCall,
    exchange: { teamsUserToken: string; clientApp: string; subject: string },
  ): Promise<IssuedToken> {
    return this.#perform('exchange', call, () => {
      const known = this.teamsTokens.get(exchange.teamsUserToken);
      const isTheirs =
        known?.clientApp === exchange.clientApp && known.subject === exchange.subject;
      if (!known || !isTheirs) throw new TeamsTokenRefused();
      return { token: `memory-teams-token-${randomUUID()}`, expiresOn: known.expiresOn };
    });
  }

  async #perform<T extends object>(
    operation: AcsOperation,
    call: GatewayCall,
    apply: () => T,
  ): Promise<T & Acknowledged> {
    this.resources.find(call.resource);
    this.calls.push({ operation, call });
    const at = this.#faults.findIndex((fault) => fault.operation === operation);
    const [fault] = at < 0 ? [] : this.#faults.splice(at, 1);
    // Others get their turn, as they do while a real call is under way.
    await new Promise(setImmediate);
    if (fault && !fault.isApplied) throw fault.error;
    const value = apply();
    if (fault) throw fault.error;
    const correlationVector = `${randomUUID().replaceAll('-', '').slice(0, 22)}.0`;
    return { ...value, evidence: { secretVersion: 'memory', correlationVector } };
  }

  #add(call: GatewayCall): string {
    const { immutableResourceId, name } = this.resources.find(call.resource);
    const id = `8:acs:${immutableResourceId}_${randomUUID()}`;
    this.identities.set(id, { resource: name, revocations: 0 });
    return id;
  }

  #token({ expiresInMinutes }: TokenRequest): { token: string; expiresOn: Date } {
    return {
      token: `memory-token-${randomUUID()}`,
      expiresOn: new Date(this.clock.now() + expiresInMinutes * 60_000),
    };
  }

  #mustOwn(call: GatewayCall, communicationUserId: string): void {
    const owner = this.resources.ofCommunicationUserId(communicationUserId);
    if (owner !== this.resources.find(call.resource)) throw new IdentityNotOwned();
  }
}
