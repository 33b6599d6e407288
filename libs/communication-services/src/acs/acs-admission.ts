import { type Clock, type Logger, traced } from '#libs/platform';
import { BudgetExhausted, type Permit, type RequestBudget } from '#libs/request-budget';
import type { CommunicationResource } from '../resources/communication-resources.js';
import { isForToken, type PlannedCall } from './acs-call.js';
import { CircuitBreaker, type CircuitScope } from './circuit-breaker.js';
import { ConnectionSlots } from './connection-slots.js';
import type { UpstreamFailure } from './upstream-failure.js';

/** How often a call gets a permit that it can no longer use before it is deferred. */
const MAX_ADMISSIONS = 3;

/** What a call may begin with. */
export interface Admission {
  readonly permit: Permit;
  /** Must be called when the call is over: gives its connection to another one. */
  readonly leave: () => void;
}

/** Connections of one process to one resource. */
interface ResourceConnections {
  readonly all: ConnectionSlots;
  /** Those that calls may have which nobody's token waits for: half of all. */
  readonly withoutToken: ConnectionSlots;
}

/**
 * Lets a call begin when circuit breaker, request budget and connections of its resource allow it.
 *
 * Each operation of a resource has a circuit of its own, and so have its bulk calls: a revocation that
 * fails says nothing of tokens, and the many calls of a mass revocation would take every probe.
 */
export class AcsAdmission {
  readonly #circuits = new Map<string, CircuitBreaker>();
  readonly #connections = new Map<string, ResourceConnections>();

  constructor(
    private readonly budget: RequestBudget,
    private readonly dependencies: {
      /** Of one process to one resource. */
      readonly connections: number;
      readonly clock: Clock;
      readonly logger: Logger;
    },
  ) {}

  /**
   * What was planned before a pause of the process is planned anew.
   *
   * @throws UpstreamUnavailable while the circuit is open
   * @throws BudgetExhausted
   */
  async admit(acsCall: PlannedCall): Promise<Admission> {
    const { call, operation, resource } = acsCall;
    const signal = call.request?.signal;
    for (let tries = 0; tries < MAX_ADMISSIONS; tries += 1) {
      const permit = await this.#acquirePermit(acsCall, signal);
      try {
        const leave = await this.#enter(acsCall, permit, signal);
        if (permit.usableForMs() > 0) return { permit, leave };
        leave();
      } catch (error) {
        this.#abandon(permit, acsCall);
        throw error;
      }
      this.#abandon(permit, acsCall);
    }
    throw new BudgetExhausted(1, { resource: resource.name, operation });
  }

  /**
   * For the repetition of a call that has its connection.
   *
   * @returns `undefined` when the permit came too late
   */
  async permitToRepeat(acsCall: PlannedCall, signal: AbortSignal): Promise<Permit | undefined> {
    const permit = await this.#acquirePermit(acsCall, signal);
    if (permit.usableForMs() > 0) return permit;
    this.#abandon(permit, acsCall);
    return undefined;
  }

  /** The call was answered. */
  succeeded(acsCall: PlannedCall, permit: Permit): void {
    this.#circuitOf(acsCall).record(false);
    permit.release();
  }

  /** A caller who has gone says nothing of the resource. */
  failed(
    acsCall: PlannedCall,
    permit: Permit,
    { wasSent, isOutage, throttled }: UpstreamFailure,
  ): void {
    const circuit = this.#circuitOf(acsCall);
    const hasCaller = acsCall.call.request?.signal?.aborted !== true;
    if (wasSent || isOutage) circuit.record(isOutage && hasCaller);
    else circuit.abandon();
    permit.release({ throttled, isUnused: !wasSent });
  }

  #abandon(permit: Permit, acsCall: PlannedCall): void {
    permit.release({ isUnused: true });
    this.#circuitOf(acsCall).abandon();
  }

  /** Many revocations or deletions that are slow leave connections to calls that tokens wait for. */
  async #enter(
    acsCall: PlannedCall,
    permit: Permit,
    signal: AbortSignal | undefined,
  ): Promise<() => void> {
    const { all, withoutToken } = this.#connectionsOf(acsCall.resource);
    if (isForToken(acsCall)) return all.enter(permit.usableForMs(), signal);
    const leaveShare = await withoutToken.enter(permit.usableForMs(), signal);
    try {
      const leave = await all.enter(permit.usableForMs(), signal);
      return () => {
        leave();
        leaveShare();
      };
    } catch (error) {
      leaveShare();
      throw error;
    }
  }

  #connectionsOf({ name }: CommunicationResource): ResourceConnections {
    const { connections } = this.dependencies;
    const found = this.#connections.get(name) ?? {
      all: new ConnectionSlots(connections),
      withoutToken: new ConnectionSlots(Math.ceil(connections / 2)),
    };
    this.#connections.set(name, found);
    return found;
  }

  async #acquirePermit(acsCall: PlannedCall, signal: AbortSignal | undefined): Promise<Permit> {
    const { operation, call, requester } = acsCall;
    const { resource, tenant, clientApp, priority } = call;
    const circuit = this.#circuitOf(acsCall);
    circuit.admit();
    try {
      const attributes = {
        'acs_identity.acs.operation': operation,
        'acs_identity.acs.resource': resource,
      };
      return await traced('wait for the request budget', { attributes }, async () =>
        this.budget.acquire({
          ...{ resource, operation },
          ...(tenant !== undefined && { tenant }),
          ...(clientApp !== undefined && { clientApp }),
          ...(requester !== undefined && { requester: JSON.stringify([tenant, requester]) }),
          ...(priority !== undefined && { priority }),
          ...(signal && { signal }),
        }),
      );
    } catch (error) {
      circuit.abandon();
      throw error;
    }
  }

  #circuitOf({ resource, operation, call }: PlannedCall): CircuitBreaker {
    const { clock, logger } = this.dependencies;
    const { priority = 'interactive' } = call;
    const scope: CircuitScope = { resource: resource.name, operation, priority };
    const key = JSON.stringify(Object.values(scope));
    const circuit = this.#circuits.get(key) ?? new CircuitBreaker(scope, clock, logger);
    this.#circuits.set(key, circuit);
    return circuit;
  }
}
