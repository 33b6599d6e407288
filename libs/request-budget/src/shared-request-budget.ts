import { createHash, randomUUID } from 'node:crypto';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import type { Clock, Logger } from '#libs/platform';
import type { BudgetMetrics } from './metrics.js';
import { OperationLimiter } from './replica/operation-limiter.js';
import { type BudgetRequest, type Permit, RequestBudget } from './request-budget.js';
import type { BudgetSettings } from './settings.js';
import type { WindowKey, WindowStore } from './window/window-store.js';

/** How long a permit may be used after it was granted: enough for a busy process. */
const LEASE_MS = 5000;
/** Calls per window that any requester may make, however low the limit is. */
const MIN_REQUESTER_LIMIT = 10;
/** A call is certainly over this long after its deadline. */
const CALL_MARGIN_MS = 1000;

/**
 * A request budget that replicas share through a window store: one limiter for each operation of
 * each ACS resource. Replicas lease permits in advance, so that most requests don't reach the store.
 */
export class SharedRequestBudget extends RequestBudget implements BeforeApplicationShutdown {
  readonly #limiters = new Map<string, OperationLimiter>();
  readonly #replicaId = randomUUID();

  /** @param settings.timeoutMs deadline of a call to ACS */
  constructor(
    private readonly store: WindowStore,
    private readonly settings: BudgetSettings & { readonly timeoutMs: number },
    private readonly dependencies: {
      readonly clock: Clock;
      readonly logger: Logger;
      readonly metrics: BudgetMetrics;
      /** From 0 to below 1. Default: `Math.random`. */
      readonly random?: () => number;
    },
  ) {
    super();
  }

  async acquire(incoming: BudgetRequest): Promise<Permit> {
    const { metrics } = this.dependencies;
    const request = withHashedRequester(incoming);
    const limiter = this.#limiterOf(request);
    // The short way: a leased permit is left and nobody is queued.
    const permit = limiter.tryAcquire(request);
    if (permit) {
      metrics.observeWait(request, 'granted', 0);
      return permit;
    }
    return metrics.timeWait(request, async () => limiter.enqueue(request));
  }

  async beforeApplicationShutdown(): Promise<void> {
    const closing = [...this.#limiters.values()].map(async (limiter) => limiter.close());
    // Permits that couldn't be returned expire.
    await Promise.allSettled(closing);
  }

  #limiterOf({ resource, operation }: WindowKey): OperationLimiter {
    const name = `${resource} ${operation}`;
    const existing = this.#limiters.get(name);
    if (existing) return existing;
    const { limits, windowMs, maxWaitMs, requesterShare, timeoutMs } = this.settings;
    const { clock, logger, metrics, random = Math.random } = this.dependencies;
    const limiter = new OperationLimiter(
      { resource, operation },
      {
        limit: limits[operation],
        ...{ windowMs, maxWaitMs },
        requesterLimit: Math.max(
          MIN_REQUESTER_LIMIT,
          Math.ceil(limits[operation] * requesterShare),
        ),
        leaseMs: LEASE_MS,
        callMs: timeoutMs + CALL_MARGIN_MS,
      },
      { replicaId: this.#replicaId, store: this.store, clock, logger, random },
    );
    metrics.gauge(
      { resource, operation },
      {
        queued: () => limiter.queued,
        limit: () => limiter.limitInForce,
        configuredLimit: limits[operation],
      },
    );
    this.#limiters.set(name, limiter);
    return limiter;
  }
}

/** The store holds a short hash of the requester, not who it is. */
function withHashedRequester(request: BudgetRequest): BudgetRequest {
  const { requester } = request;
  if (requester === undefined) return request;
  const hash = createHash('sha256').update(requester).digest('base64url').slice(0, 22);
  return { ...request, requester: hash };
}
