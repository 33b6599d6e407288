import type { CommunicationIdentityClient } from '@azure/communication-identity';
import type { Clock, Logger } from '#libs/platform';
import {
  type AcsOperation,
  BudgetExhausted,
  type Permit,
  type RequestBudget,
} from '#libs/request-budget';
import type { GatewayCall, UpstreamEvidence } from '../communication-identity-gateway.js';
import type { CommunicationResource } from '../resources/communication-resources.js';
import type { AcsClients, AcsConnection } from './acs-clients.js';
import { AcsResponses } from './acs-responses.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { ConnectionSlots } from './connection-slots.js';
import type { CredentialRefusals } from './credential-refusals.js';
import type { GatewayMetrics } from './metrics.js';
import { NoResponse } from './undici-http-client.js';
import { upstreamFailure, type UpstreamFailure } from './upstream-failure.js';

/** The options that every method of the SDK takes. */
interface CallOptions {
  readonly abortSignal: AbortSignal;
  readonly requestOptions: { readonly customHeaders: Record<string, string> };
  readonly onResponse: (response: {
    readonly headers: { get(name: string): string | undefined };
  }) => void;
}

/** One call, independent of the client that makes it. */
export interface AcsCall<T> {
  readonly operation: AcsOperation;
  readonly call: GatewayCall;
  readonly resource: CommunicationResource;
  /** Whom the call is about: identifies it in the request budget when it is repeated. */
  readonly requester: string | undefined;
  readonly send: (
    client: CommunicationIdentityClient,
    options: CallOptions,
    responses: AcsResponses,
  ) => Promise<T>;
}

export interface AcsResult<T> {
  readonly value: T;
  readonly evidence: UpstreamEvidence;
}

export interface AcsCallerDependencies {
  /** Deadline of a call, its retry included. */
  readonly timeoutMs: number;
  /** Of one process to one resource. */
  readonly connections: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: GatewayMetrics;
  /** Learns how ACS takes the credentials. */
  readonly refusals?: CredentialRefusals;
}

interface Attempt {
  readonly connection: AcsConnection;
  readonly permit: Permit;
  readonly deadline: AbortSignal;
}

/** How often a call gets a permit that it can no longer use before it is deferred. */
const MAX_ADMISSIONS = 3;
/** A call that ignores its signal ends this long after the deadline. */
const ABORT_GRACE_MS = 50;
/** A correlation vector; another header value must not reach the audit log. */
const CORRELATION_VECTOR = /^[\w+/.=-]{1,128}$/;

/** Makes calls to ACS: within circuit breaker, request budget and deadline, with at most one retry. */
export class AcsCaller {
  readonly #circuits = new Map<string, CircuitBreaker>();
  readonly #slots = new Map<string, ConnectionSlots>();

  constructor(
    private readonly clients: AcsClients,
    private readonly budget: RequestBudget,
    private readonly dependencies: AcsCallerDependencies,
  ) {}

  async perform<T>(acsCall: AcsCall<T>): Promise<AcsResult<T>> {
    const { operation, resource } = acsCall;
    const connection = await this.clients.of(resource);
    const { permit, leave } = await this.#admit(acsCall);
    try {
      const attempt = { connection, permit, deadline: this.#deadlineOf(acsCall) };
      const first = await this.#attempt(acsCall, attempt);
      if ('value' in first) return first;
      const retry = await this.#prepareRetry(acsCall, attempt, first);
      const last = retry ? await this.#attempt(acsCall, retry) : first;
      if ('value' in last) return last;
      const { refusal, outcome } = last;
      const fields = { resource: resource.name, operation, outcome, error: refusal };
      this.dependencies.logger.warn(fields, 'a call to azure communication services failed');
      throw refusal;
    } finally {
      leave();
    }
  }

  /** A permit and a connection. What was planned before a pause of the process is planned anew. */
  async #admit(acsCall: AcsCall<unknown>): Promise<{ permit: Permit; leave: () => void }> {
    const { call, resource } = acsCall;
    const signal = call.request?.signal;
    for (let tries = 0; tries < MAX_ADMISSIONS; tries += 1) {
      const permit = await this.#acquirePermit(acsCall, signal);
      try {
        const leave = await this.#slotsOf(resource).enter(permit.usableForMs(), signal);
        if (permit.usableForMs() > 0) return { permit, leave };
        leave();
      } catch (error) {
        this.#abandon(permit, resource);
        throw error;
      }
      this.#abandon(permit, resource);
    }
    throw new BudgetExhausted(1);
  }

  #abandon(permit: Permit, resource: CommunicationResource): void {
    permit.release({ isUnused: true });
    this.#circuitOf(resource.name).abandon();
  }

  #slotsOf({ name }: CommunicationResource): ConnectionSlots {
    const slots = this.#slots.get(name) ?? new ConnectionSlots(this.dependencies.connections);
    this.#slots.set(name, slots);
    return slots;
  }

  /**
   * A caller who disconnects aborts calls that only issue tokens. Other calls continue until the
   * timeout: the response to a create must not be lost, and a revocation is wanted all the same.
   */
  #deadlineOf({ operation, call }: AcsCall<unknown>): AbortSignal {
    const timeout = AbortSignal.timeout(this.dependencies.timeoutMs);
    const isAbortable = operation === 'issue' || operation === 'exchange';
    const caller = isAbortable ? call.request?.signal : undefined;
    return caller ? AbortSignal.any([timeout, caller]) : timeout;
  }

  /** @returns `undefined` when a retry can't help or there is no time for one */
  async #prepareRetry(
    acsCall: AcsCall<unknown>,
    { connection, deadline }: Attempt,
    { retry, refusal }: UpstreamFailure,
  ): Promise<Attempt | undefined> {
    if (retry === undefined || deadline.aborted) return undefined;
    const next =
      retry === 'same credential'
        ? connection
        : await this.clients.newerThan(connection, acsCall.resource);
    if (!next) return undefined;
    try {
      const permit = await this.#acquirePermit(acsCall, deadline);
      if (permit.usableForMs() > 0) return { connection: next, permit, deadline };
      this.#abandon(permit, acsCall.resource);
      return undefined;
    } catch {
      this.dependencies.logger.debug({ error: refusal }, 'no time to repeat a call');
      return undefined;
    }
  }

  async #acquirePermit(
    { operation, call, requester }: AcsCall<unknown>,
    signal: AbortSignal | undefined,
  ): Promise<Permit> {
    const { resource, tenant, clientApp, priority } = call;
    const circuit = this.#circuitOf(resource);
    circuit.admit();
    try {
      return await this.budget.acquire({
        ...{ resource, operation },
        ...(tenant !== undefined && { tenant }),
        ...(clientApp !== undefined && { clientApp }),
        ...(requester !== undefined && { requester: JSON.stringify([tenant, requester]) }),
        ...(priority !== undefined && { priority }),
        ...(signal && { signal }),
      });
    } catch (error) {
      circuit.abandon();
      throw error;
    }
  }

  #circuitOf(resource: string): CircuitBreaker {
    const { clock, logger } = this.dependencies;
    const circuit = this.#circuits.get(resource) ?? new CircuitBreaker(resource, clock, logger);
    this.#circuits.set(resource, circuit);
    return circuit;
  }

  async #attempt<T>(
    { operation, call, resource, send }: AcsCall<T>,
    { connection, permit, deadline }: Attempt,
  ): Promise<AcsResult<T> | UpstreamFailure> {
    const { clock, metrics, refusals } = this.dependencies;
    const { client, secretVersion } = connection;
    const evidence: { secretVersion?: string; correlationVector?: string } =
      secretVersion === undefined ? {} : { secretVersion };
    const options: CallOptions = {
      abortSignal: deadline,
      requestOptions: { customHeaders: requestIdHeader(call) },
      onResponse: ({ headers }) => {
        const vector = headers.get('ms-cv');
        if (vector && CORRELATION_VECTOR.test(vector)) evidence.correlationVector = vector;
      },
    };
    const stop = metrics.start(resource.name, operation);
    try {
      const sent = send(client, options, new AcsResponses(resource, clock.now()));
      const value = await Promise.race([sent, rejectAfter(deadline, sent)]);
      stop('success');
      refusals?.note(resource.name, secretVersion);
      this.#circuitOf(resource.name).record(false);
      permit.release();
      return { value, evidence };
    } catch (error) {
      const failure = upstreamFailure(operation, error);
      stop(failure.outcome);
      refusals?.note(resource.name, secretVersion, failure.refusal);
      const hasCaller = call.request?.signal?.aborted !== true;
      this.#circuitOf(resource.name).record(failure.isOutage && hasCaller);
      permit.release({ throttled: failure.throttled, isUnused: !failure.wasSent });
      return failure;
    }
  }
}

function requestIdHeader({ request }: GatewayCall): Record<string, string> {
  return request ? { 'x-ms-client-request-id': request.requestId } : {};
}

/**
 * Rejects after the deadline, for a call that ignores its signal because it still waits for a
 * credential. Other calls reject first, and know better whether the request was sent.
 */
async function rejectAfter(deadline: AbortSignal, call: Promise<unknown>): Promise<never> {
  return new Promise((_resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const startTimer = (): void => {
      timer = setTimeout(() => {
        reject(new NoResponse(true, 'TimeoutError'));
      }, ABORT_GRACE_MS);
    };
    deadline.addEventListener('abort', startTimer, { once: true });
    const clear = (): void => {
      deadline.removeEventListener('abort', startTimer);
      clearTimeout(timer);
    };
    call.then(clear, clear);
  });
}
