import { type Clock, type Logger, noAnswerFrom, type Note, traced } from '#libs/platform';
import type { Permit, RequestBudget } from '#libs/request-budget';
import type { GatewayCall, UpstreamEvidence } from '../communication-identity-gateway.js';
import { UpstreamOutcomeUnknown } from '../errors.js';
import { AcsAdmission } from './acs-admission.js';
import { type AcsCall, isTokenOnly, type PlannedCall, type SignedCall } from './acs-call.js';
import type { AcsClients, AcsConnection } from './acs-clients.js';
import type { CallOptions } from './acs-request.js';
import { AcsResponses } from './acs-responses.js';
import { ACS_SPANS } from './acs-span.js';
import type { CredentialRefusals } from './credential-refusals.js';
import { Deadline, extended } from './deadline.js';
import type { GatewayMetrics } from './metrics.js';
import { NoResponse, sendIf } from './undici-http-client.js';
import {
  isCreate,
  refusalAfterRetry,
  upstreamFailure,
  type UpstreamFailure,
} from './upstream-failure.js';

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
  /** Absent for a call with the token of a user. */
  readonly connection: AcsConnection | undefined;
  readonly permit: Permit;
  readonly deadline: Deadline;
}

/** A call that does not reject at its deadline ends this long after it. */
const ABORT_GRACE_MS = 50;
/** A correlation vector; another header value must reach neither the audit log nor a trace. */
const CORRELATION_VECTOR = /^[A-Za-z\d+/]{16,32}(?:\.[A-Za-z\d]{1,10}){1,10}!?$/;

/** Makes calls to ACS: within circuit breaker, request budget and deadline, with at most one retry. */
export class AcsCaller {
  readonly #admission: AcsAdmission;

  constructor(
    private readonly clients: AcsClients,
    budget: RequestBudget,
    private readonly dependencies: AcsCallerDependencies,
  ) {
    this.#admission = new AcsAdmission(budget, dependencies);
  }

  async perform<T>(acsCall: AcsCall<T>): Promise<AcsResult<T>> {
    const { operation, resource } = acsCall;
    const connection = 'send' in acsCall ? await this.clients.of(resource) : undefined;
    const { permit, leave } = await this.#admission.admit(acsCall);
    const attempt = { connection, permit, deadline: this.#deadlineOf(acsCall) };
    let retry: Attempt | undefined;
    let isOver: Promise<unknown> = Promise.resolve();
    try {
      const first = await this.#attempt(acsCall, attempt);
      if ('value' in first) return first;
      retry = await this.#prepareRetry(acsCall, attempt, first);
      const last = retry ? await this.#attempt(acsCall, retry) : first;
      if ('value' in last) return last;
      const { outcome } = last;
      const refusal = refusalAfterRetry(first.refusal, last.refusal);
      if (refusal instanceof UpstreamOutcomeUnknown && refusal.late) isOver = refusal.late;
      const fields = { resource: resource.name, operation, outcome, error: refusal };
      this.dependencies.logger.warn(fields, 'a call to azure communication services failed');
      throw refusal;
    } finally {
      attempt.deadline.end();
      retry?.deadline.end();
      void isOver.then(leave);
    }
  }

  /**
   * A caller who disconnects aborts calls that only issue tokens. Other calls continue until the
   * timeout: the response to a create must not be lost, and a revocation is wanted all the same.
   */
  #deadlineOf(acsCall: PlannedCall): Deadline {
    const signal = isTokenOnly(acsCall) ? acsCall.call.request?.signal : undefined;
    return new Deadline(this.dependencies.timeoutMs, signal);
  }

  /** @returns `undefined` when a retry can't help or there is no time for one */
  async #prepareRetry(
    acsCall: PlannedCall,
    { connection, deadline }: Attempt,
    { retry, refusal }: UpstreamFailure,
  ): Promise<Attempt | undefined> {
    // Nothing was sent yet, so that a new deadline begins.
    const next = retry === 'another permit' ? this.#deadlineOf(acsCall) : deadline;
    if (retry === undefined || next.signal.aborted || !this.#hasRight(acsCall)) return undefined;
    const other =
      retry === 'another credential'
        ? connection && (await this.clients.insteadOf(connection, acsCall.resource))
        : connection;
    if (!other && 'send' in acsCall) return undefined;
    try {
      const permit = await this.#admission.permitToRepeat(acsCall, next.signal);
      return permit && { connection: other, permit, deadline: next };
    } catch {
      this.dependencies.logger.debug({ error: refusal }, 'no time to repeat a call');
      return undefined;
    }
  }

  /** Whether the caller's right to the call lasts until its deadline, if it begins now. */
  #hasRight({ call: { rightEndsAt = Infinity } }: PlannedCall): boolean {
    const { clock, timeoutMs } = this.dependencies;
    return clock.monotonicNow() + timeoutMs <= rightEndsAt;
  }

  /** Whether the call may begin now, as `sendIf` reads it. */
  #startConditionOf(acsCall: PlannedCall, { permit, deadline }: Attempt): () => boolean {
    const { clock, timeoutMs } = this.dependencies;
    // A create that has no time for its answer would end with an unknown outcome.
    const latestStart =
      clock.monotonicNow() + (isCreate(acsCall.operation) ? timeoutMs / 2 : timeoutMs);
    return () =>
      permit.usableForMs() > 0 &&
      !deadline.signal.aborted &&
      clock.monotonicNow() <= latestStart &&
      this.#hasRight(acsCall);
  }

  async #attempt<T>(
    acsCall: AcsCall<T>,
    attempt: Attempt,
  ): Promise<AcsResult<T> | UpstreamFailure> {
    return traced(...ACS_SPANS[acsCall.operation], async (note) =>
      this.#send(acsCall, attempt, note),
    );
  }

  async #sendBy<T>(
    acsCall: AcsCall<T>,
    connection: AcsConnection | undefined,
    options: CallOptions,
    responses: AcsResponses,
  ): Promise<T> {
    if ('sendUnsigned' in acsCall) {
      const unsigned = this.clients.unsigned(acsCall.resource);
      return acsCall.sendUnsigned(unsigned, options, responses);
    }
    if (!connection) throw new Error('the call has no credential');
    return acsCall.send(connection, options, responses);
  }

  /** The options of the call, whose answer fills the evidence and the span. */
  #observed<T>(
    acsCall: AcsCall<T>,
    { connection, deadline: { signal } }: Attempt,
    note: Note,
  ): { readonly options: CallOptions; readonly evidence: UpstreamEvidence } {
    const { operation, call, resource } = acsCall;
    const secretVersion = connection?.secretVersion;
    const evidence: { secretVersion?: string; correlationVector?: string } =
      secretVersion === undefined ? {} : { secretVersion };
    note({
      'server.address': resource.endpoint.slice('https://'.length),
      'acs_identity.acs.resource': resource.name,
      'acs_identity.acs.operation': operation,
      ...(call.request && {
        'http.request.header.x-ms-client-request-id': [call.request.requestId],
      }),
    });
    const options: CallOptions = {
      // The answer to a create is awaited for longer than the caller waits.
      abortSignal: identityReaderOf(acsCall)
        ? extended(signal, this.dependencies.timeoutMs)
        : signal,
      requestOptions: { customHeaders: requestIdHeader(call) },
      onResponse: ({ status, headers }) => {
        const vector = headers.get('ms-cv');
        if (vector && CORRELATION_VECTOR.test(vector)) evidence.correlationVector = vector;
        note({
          'http.response.status_code': status,
          ...(evidence.correlationVector !== undefined && {
            'http.response.header.ms-cv': [evidence.correlationVector],
          }),
        });
      },
    };
    return { options, evidence };
  }

  async #send<T>(
    acsCall: AcsCall<T>,
    attempt: Attempt,
    note: Note,
  ): Promise<AcsResult<T> | UpstreamFailure> {
    const { operation, resource } = acsCall;
    const { connection, permit, deadline } = attempt;
    const { clock, metrics, refusals } = this.dependencies;
    const identityOf = identityReaderOf(acsCall);
    const secretVersion = connection?.secretVersion;
    const { options, evidence } = this.#observed(acsCall, attempt, note);
    const stop = metrics.start(resource.name, operation);
    const mayStart = this.#startConditionOf(acsCall, attempt);
    const progress = { hasStarted: false, isSettled: false };
    const sent = sendIf(
      () => (progress.hasStarted = mayStart()),
      async () =>
        this.#sendBy(acsCall, connection, options, new AcsResponses(resource, clock.now())),
    );
    const settle = (): void => {
      progress.isSettled = true;
    };
    sent.then(settle, settle);
    try {
      const value = await Promise.race([
        sent,
        rejectAfter(deadline.signal, sent, {
          host: new URL(resource.endpoint).host,
          wasSent: () => progress.hasStarted,
        }),
      ]);
      stop('success');
      if (connection) refusals?.note(resource.name, secretVersion);
      this.#admission.succeeded(acsCall, permit);
      return { value, evidence };
    } catch (error) {
      const late =
        identityOf && !progress.isSettled
          ? sent.then(
              (value) => ({ communicationUserId: identityOf(value), evidence }),
              () => undefined,
            )
          : undefined;
      const failure = upstreamFailure(operation, error, late);
      stop(failure.outcome);
      note({ 'error.type': failure.outcome.replace('status ', '') });
      if (connection) refusals?.note(resource.name, secretVersion, failure.refusal);
      this.#admission.failed(acsCall, permit, failure);
      return failure;
    }
  }
}

/** Present for a create: reads the identity in its answer. */
function identityReaderOf<T>(acsCall: AcsCall<T>): SignedCall<T>['identityOf'] {
  return 'send' in acsCall ? acsCall.identityOf : undefined;
}

function requestIdHeader({ request }: GatewayCall): Record<string, string> {
  return request ? { 'x-ms-client-request-id': request.requestId } : {};
}

/**
 * Rejects after the deadline, for a call that does not reject then: a create, whose answer is awaited
 * for longer, and one that still waits for a credential.
 */
async function rejectAfter(
  deadline: AbortSignal,
  call: Promise<unknown>,
  { host, wasSent }: { readonly host: string; readonly wasSent: () => boolean },
): Promise<never> {
  return new Promise((_resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const startTimer = (): void => {
      timer = setTimeout(() => {
        reject(new NoResponse(wasSent(), 'TimeoutError', noAnswerFrom(host, undefined, true)));
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
