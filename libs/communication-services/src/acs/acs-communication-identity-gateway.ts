import type { CommunicationIdentityClient, TokenScope } from '@azure/communication-identity';
import type { OnModuleDestroy } from '@nestjs/common';
import type { Clock, Logger } from '#libs/platform';
import { AcsAnswers } from './acs-responses.js';
import type { AcsClients, AcsConnection } from './acs-clients.js';
import { CircuitBreaker } from './circuit-breaker.js';
import {
  type Acknowledged,
  CommunicationIdentityGateway,
  type CreatedIdentity,
  type GatewayCall,
  type IssuedToken,
  type TokenRequest,
  type UpstreamEvidence,
} from '../communication-identity-gateway.js';
import type {
  CommunicationResource,
  CommunicationResources,
} from '../resources/communication-resources.js';
import { IdentityMissing, IdentityNotOwned } from '../errors.js';
import type { GatewayMetrics } from './metrics.js';
import type { AcsOperation, Permit, RequestBudget } from '#libs/request-budget';
import { NoAnswer } from './undici-http-client.js';
import { upstreamFailure, type UpstreamFailure } from './upstream-failure.js';

/** What every call of the SDK takes. */
interface CallOptions {
  readonly abortSignal: AbortSignal;
  readonly requestOptions: { readonly customHeaders: Record<string, string> };
  readonly onResponse: (answer: {
    readonly headers: { get(name: string): string | undefined };
  }) => void;
}

/** One call, before it is known which client makes it. */
interface Operation<T> {
  readonly name: AcsOperation;
  readonly call: GatewayCall;
  /** Whom it is about. */
  readonly person: string | undefined;
  readonly send: (
    client: CommunicationIdentityClient,
    options: CallOptions,
    answers: AcsAnswers,
  ) => Promise<T>;
}

interface Attempt<T> {
  readonly operation: Operation<T>;
  readonly resource: CommunicationResource;
  readonly connection: AcsConnection;
  readonly permit: Permit;
  readonly deadline: AbortSignal;
}

type Outcome<T> = { value: T; evidence: UpstreamEvidence } | { failure: UpstreamFailure };

/** Calls Azure Communication Services through its SDK. */
export class AcsCommunicationIdentityGateway
  extends CommunicationIdentityGateway
  implements OnModuleDestroy
{
  readonly #circuits = new Map<string, CircuitBreaker>();

  constructor(
    private readonly resources: CommunicationResources,
    private readonly clients: AcsClients,
    private readonly budget: RequestBudget,
    private readonly environment: {
      readonly timeoutMs: number;
      readonly clock: Clock;
      readonly logger: Logger;
      readonly metrics: GatewayMetrics;
    },
  ) {
    super();
  }

  async onModuleDestroy(): Promise<void> {
    await this.clients.close();
  }

  async createIdentity(call: GatewayCall): Promise<CreatedIdentity> {
    const { value, evidence } = await this.#perform({
      name: 'create',
      call,
      person: call.subject,
      send: async (client, options, answers) => answers.user(await client.createUser(options)),
    });
    return { ...value, evidence };
  }

  async createIdentityWithToken(
    call: GatewayCall,
    wish: TokenRequest,
  ): Promise<CreatedIdentity & IssuedToken> {
    const { value, evidence } = await this.#perform({
      name: 'createWithToken',
      call,
      person: call.subject,
      send: async (client, options, answers) => {
        const answer = await client.createUserAndToken(scopesOf(wish), {
          ...options,
          tokenExpiresInMinutes: wish.expiresInMinutes,
        });
        return { ...answers.token(answer), ...answers.user(answer.user) };
      },
    });
    return { ...value, evidence };
  }

  async issueToken(
    call: GatewayCall,
    wish: TokenRequest & { readonly communicationUserId: string },
  ): Promise<IssuedToken> {
    const { communicationUserId } = wish;
    this.#mustOwn(call.resource, communicationUserId);
    const { value, evidence } = await this.#perform({
      name: 'issue',
      call,
      person: communicationUserId,
      send: async (client, options, answers) => {
        const timing = { ...options, tokenExpiresInMinutes: wish.expiresInMinutes };
        return answers.token(
          await client.getToken({ communicationUserId }, scopesOf(wish), timing),
        );
      },
    });
    return { ...value, evidence };
  }

  async revokeTokens(call: GatewayCall, communicationUserId: string): Promise<Acknowledged> {
    this.#mustOwn(call.resource, communicationUserId);
    return this.#performOnExisting({
      name: 'revoke',
      call,
      person: communicationUserId,
      send: async (client, options) => client.revokeTokens({ communicationUserId }, options),
    });
  }

  async deleteIdentity(call: GatewayCall, communicationUserId: string): Promise<Acknowledged> {
    this.#mustOwn(call.resource, communicationUserId);
    return this.#performOnExisting({
      name: 'delete',
      call,
      person: communicationUserId,
      send: async (client, options) => client.deleteUser({ communicationUserId }, options),
    });
  }

  async exchangeTeamsToken(
    call: GatewayCall,
    exchange: { teamsUserToken: string; clientApp: string; subject: string },
  ): Promise<IssuedToken> {
    const { value, evidence } = await this.#perform({
      name: 'exchange',
      call,
      person: exchange.subject,
      send: async (client, options, answers) => {
        const answer = await client.getTokenForTeamsUser({
          ...options,
          teamsUserAadToken: exchange.teamsUserToken,
          clientId: exchange.clientApp,
          userObjectId: exchange.subject,
        });
        return answers.token(answer);
      },
    });
    return { ...value, evidence };
  }

  /** An identity that is gone has neither data nor tokens left: the call is done. */
  async #performOnExisting(operation: Operation<void>): Promise<Acknowledged> {
    try {
      const { evidence } = await this.#perform(operation);
      return { evidence };
    } catch (error) {
      if (error instanceof IdentityMissing) return { evidence: {} };
      throw error;
    }
  }

  /** Spares the call that ACS would refuse. */
  #mustOwn(resource: string, communicationUserId: string): void {
    const owner = this.resources.ofCommunicationUserId(communicationUserId);
    if (owner !== this.resources.find(resource)) throw new IdentityNotOwned();
  }

  /** Makes the call, and once more where that may help: within one deadline, each time in the budget. */
  async #perform<T>(operation: Operation<T>): Promise<{ value: T; evidence: UpstreamEvidence }> {
    const { call, name } = operation;
    const resource = this.resources.find(call.resource);
    const connection = await this.clients.of(resource);
    const permit = await this.#permit(operation, call.request?.signal);
    const deadline = this.#deadline(operation);
    const attempt = { operation, resource, connection, permit, deadline };
    const first = await this.#attempt(attempt);
    if ('value' in first) return first;
    const again = await this.#remedied(attempt, first.failure);
    const last = again ? await this.#attempt(again) : first;
    if ('value' in last) return last;
    const { refusal, outcome } = last.failure;
    const fields = { resource: resource.name, operation: name, outcome, error: refusal };
    this.environment.logger.warn(fields, 'a call to azure communication services failed');
    throw refusal;
  }

  /**
   * A caller who is gone ends a call that does no harm when it is lost. The others go on: the answer
   * to a create must not be lost, and a revocation is wanted all the same.
   */
  #deadline({ name, call }: Operation<unknown>): AbortSignal {
    const timeout = AbortSignal.timeout(this.environment.timeoutMs);
    const isHarmless = name === 'issue' || name === 'exchange';
    const caller = isHarmless ? call.request?.signal : undefined;
    return caller ? AbortSignal.any([timeout, caller]) : timeout;
  }

  /** @returns the attempt to make next; `undefined` when there is no sense in one */
  async #remedied<T>(
    attempt: Attempt<T>,
    { remedy, refusal }: UpstreamFailure,
  ): Promise<Attempt<T> | undefined> {
    const { operation, resource, connection, deadline } = attempt;
    if (remedy === undefined || deadline.aborted) return undefined;
    const renewed =
      remedy === 'repeat' ? connection : await this.clients.newerThan(connection, resource);
    if (!renewed) return undefined;
    try {
      const permit = await this.#permit(operation, deadline);
      return { ...attempt, connection: renewed, permit };
    } catch {
      this.environment.logger.debug({ error: refusal }, 'no time to repeat a call');
      return undefined;
    }
  }

  /** The right to make one call: of the circuit breaker and of the budget. */
  async #permit({ name, call, person }: Operation<unknown>, signal?: AbortSignal): Promise<Permit> {
    const { resource, tenant, clientApp, priority } = call;
    const circuit = this.#circuit(resource);
    circuit.mustAllow();
    try {
      return await this.budget.acquire({
        resource,
        operation: name,
        ...(tenant !== undefined && { tenant }),
        ...(clientApp !== undefined && { clientApp }),
        ...(person !== undefined && { requester: JSON.stringify([tenant, person]) }),
        ...(priority !== undefined && { priority }),
        ...(signal && { signal }),
      });
    } catch (error) {
      circuit.abandoned();
      throw error;
    }
  }

  #circuit(resource: string): CircuitBreaker {
    const { clock, logger } = this.environment;
    const circuit = this.#circuits.get(resource) ?? new CircuitBreaker(resource, clock, logger);
    this.#circuits.set(resource, circuit);
    return circuit;
  }

  async #attempt<T>(attempt: Attempt<T>): Promise<Outcome<T>> {
    const { operation, resource, connection, permit, deadline } = attempt;
    const { clock, metrics } = this.environment;
    const { secretVersion } = connection;
    const evidence: { secretVersion?: string; correlationVector?: string } =
      secretVersion === undefined ? {} : { secretVersion };
    const options: CallOptions = {
      abortSignal: deadline,
      requestOptions: { customHeaders: requestIdHeader(operation.call) },
      onResponse: ({ headers }) => {
        const correlationVector = headers.get('ms-cv');
        // A header of another service: only what looks like a vector goes on into the audit log.
        if (correlationVector !== undefined && /^[\w+/.=-]{1,128}$/.test(correlationVector)) {
          evidence.correlationVector = correlationVector;
        }
      },
    };
    const stop = metrics.start(resource.name, operation.name);
    try {
      const answers = new AcsAnswers(resource, clock.now());
      const sent = operation.send(connection.client, options, answers);
      const value = await Promise.race([sent, endOf(deadline, sent)]);
      stop('success');
      this.#circuit(resource.name).ended(false);
      permit.release();
      return { value, evidence };
    } catch (error) {
      const failure = upstreamFailure(operation.name, error);
      stop(failure.outcome);
      const isAborted = operation.call.request?.signal?.aborted ?? false;
      this.#circuit(resource.name).ended(failure.isOutage && !isAborted);
      permit.release({ throttled: failure.throttled });
      return { failure };
    }
  }
}

/** The scopes were checked against the policy; ACS has the last word on which it knows. */
function scopesOf(wish: TokenRequest): TokenScope[] {
  return [...wish.scopes] as TokenScope[];
}

function requestIdHeader({ request }: GatewayCall): Record<string, string> {
  return request ? { 'x-ms-client-request-id': request.requestId } : {};
}

/**
 * Ends a call that does not heed its signal, such as one that waits for a credential. The call gets
 * a moment to end by itself first, as it knows better whether the request left.
 */
async function endOf(deadline: AbortSignal, call: Promise<unknown>): Promise<never> {
  return new Promise((_resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      timer = setTimeout(() => {
        reject(new NoAnswer(true, 'TimeoutError'));
      }, 50);
    };
    deadline.addEventListener('abort', end, { once: true });
    const clear = (): void => {
      deadline.removeEventListener('abort', end);
      clearTimeout(timer);
    };
    call.then(clear, clear);
  });
}
