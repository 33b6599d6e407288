import { type Clock, detached, type Logger } from '#libs/platform';
import { BudgetExhausted } from '../errors.js';
import { type LateWaiter, lateWaiters } from '../forecast/deferral.js';
import { retryAfterSeconds } from '../forecast/retry-after.js';
import type { BudgetRequest, Permit, Throttled } from '../request-budget.js';
import { adaptLimit } from '../window/adaptive-limit.js';
import type { Allocation, WindowLimits } from '../window/replica-report.js';
import type { WindowKey, WindowStore } from '../window/window-store.js';
import { LeasedPermits } from './leased-permits.js';
import { ServedRequesters } from './served-requesters.js';
import { type Waiter, WaitQueue } from './wait-queue.js';
import { WindowReporter } from './window-reporter.js';

/** Longest pause between two reconciliations while requests are queued. */
const MAX_PAUSE_MS = 250;
/** Why a pause ends early. Without a reason, each request would cost an exception. */
const WOKEN = 'woken';

export interface OperationLimits extends WindowLimits {
  /** The longest that a request is queued. */
  readonly maxWaitMs: number;
  /** Calls per window of one requester through one replica; further ones are served as bulk. */
  readonly requesterLimit: number;
}

export interface OperationLimiterDependencies {
  readonly replicaId: string;
  readonly store: WindowStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @returns a number from 0 to below 1 */
  readonly random: () => number;
}

/**
 * Limits one operation of one ACS resource in this replica.
 *
 * A request takes a leased permit if one is left. Otherwise it is queued, and the limiter reconciles
 * with the shared window until the request is served, or deferred with a `Retry-After`. A deferred
 * request keeps its tag as a reservation that its requester can claim in any replica.
 */
export class OperationLimiter {
  readonly #queue = new WaitQueue();
  readonly #permits: LeasedPermits;
  readonly #reporter: WindowReporter;
  readonly #served: ServedRequesters;
  /** How many permits are requested in advance. */
  readonly #prefetchCount: number;
  /** Ends the pause between two reconciliations. */
  #wake = new AbortController();
  /** The reconciliations in progress. */
  #draining: Promise<void> | undefined;
  #isClosed = false;
  #wantsPrefetch = false;
  /** Whether the last reconciliation left capacity, and when there is some otherwise. */
  #capacity = { isFree: true, nextAt: 0 };
  /** As the last reconciliation left it. */
  #inForce = { limitFactor: 1, limitFactorAt: 0, blockedUntil: 0 };

  constructor(
    private readonly key: WindowKey,
    private readonly limits: OperationLimits,
    private readonly dependencies: OperationLimiterDependencies,
  ) {
    const { replicaId, store, clock } = dependencies;
    this.#prefetchCount = Math.max(1, Math.ceil(limits.limit / 50));
    this.#served = new ServedRequesters(clock, limits.windowMs);
    this.#permits = new LeasedPermits({
      clock,
      windowMs: limits.windowMs,
      onReleased: (throttled) => {
        if (throttled) this.#onThrottled(throttled);
        else this.#dispatch();
        this.#reporter.schedule();
      },
    });
    this.#reporter = new WindowReporter(this.#permits, {
      ...{ key, limits, replicaId, store, clock },
      onDue: () => {
        this.#drain();
      },
    });
  }

  /** Calls per window that the budget admits now: fewer than configured for a while after ACS answered 429. */
  get limitInForce(): number {
    const now = this.dependencies.clock.monotonicNow();
    const { limit, windowMs } = this.limits;
    const { limitFactor } = adaptLimit(this.#inForce, undefined, { now, windowMs });
    return Math.max(1, Math.floor(limit * limitFactor));
  }

  /** How many requests are queued now. */
  get queued(): number {
    return this.#queue.size;
  }

  /**
   * Takes a leased permit.
   *
   * @returns `undefined` when none is left or others are queued, when the requester has had its share
   *   of the window, and always for bulk requests
   */
  tryAcquire(request: BudgetRequest): Permit | undefined {
    const { tenant = '', clientApp = '', requester, priority, signal } = request;
    if (this.#queue.interactive > 0 || priority === 'bulk' || signal?.aborted) return undefined;
    if (this.#served.countOf(requester) >= this.limits.requesterLimit) return undefined;
    const permit = this.#permits.take();
    if (!permit) return undefined;
    this.#reporter.finishedTags.push({ tenant, clientApp });
    this.#served.add(requester);
    // So that the next request needn't wait for permits.
    if (this.#permits.available <= this.#prefetchCount / 2) this.#prefetch();
    return permit;
  }

  /**
   * Queues the request until it gets a permit.
   *
   * @throws BudgetExhausted when it is deferred
   */
  async enqueue(request: BudgetRequest): Promise<Permit> {
    const { tenant = '', clientApp = '', requester, priority, signal } = request;
    signal?.throwIfAborted();
    const earlier = this.#served.countOf(requester) + this.#queue.countOf(requester);
    const { promise, resolve, reject } = Promise.withResolvers<Permit>();
    const waiter: Waiter = {
      ...{ tenant, clientApp, requester, earlier },
      isBulk: priority === 'bulk' || earlier >= this.limits.requesterLimit,
      enqueuedAt: this.dependencies.clock.monotonicNow(),
      ...{ resolve, reject },
      onLeft: () => signal?.removeEventListener('abort', abort),
    };
    const abort = (): void => {
      if (!this.#queue.remove(waiter)) return;
      this.#finish(waiter);
      reject(signal?.reason);
    };
    this.#queue.enqueue(waiter);
    signal?.addEventListener('abort', abort);
    if (this.#capacity.isFree) this.#wake.abort(WOKEN);
    this.#drain();
    return promise;
  }

  /** Rejects queued requests, and returns unused permits to the window once no report is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rejectAll(new BudgetExhausted(1));
    this.#wake.abort(WOKEN);
    await this.#draining;
    await this.#reporter.close(this.#queue);
  }

  /** Reconciles for as long as requests are queued; one at a time. */
  #drain(): void {
    this.#draining ??= detached(async () => this.#reconcileAll());
  }

  async #reconcileAll(): Promise<void> {
    try {
      do {
        const hasMore = await this.#reconcile();
        if (this.queued > 0 && !hasMore) await this.#pause();
      } while (
        this.queued > 0 ||
        this.#reporter.throttled ||
        this.#wantsPrefetch ||
        this.#holdsUnused
      );
    } catch (error) {
      this.#rejectAll(error);
    } finally {
      // In the same step as the last look at the queue: a request that arrives after it starts the next.
      this.#draining = undefined;
      this.#reporter.schedule();
    }
  }

  /** @returns whether the next reconciliation would grant more at once */
  async #reconcile(): Promise<boolean> {
    const { arrivals } = this.#queue;
    const hasPrefetch = !this.#isClosed && (this.#wantsPrefetch || this.#queue.interactive > 0);
    this.#wantsPrefetch = false;
    const allocation = await this.#reporter.send(this.#queue, {
      prefetch: hasPrefetch ? this.#prefetchCount : 0,
      // After throttling, calls with unused permits would be throttled too.
      returnsAll:
        this.#reporter.throttled !== undefined || (this.queued === 0 && this.#holdsUnused),
    });
    for (const [nth, waiter] of arrivals.entries()) {
      const tag = allocation.tags[nth];
      if (tag && !this.#queue.tag(waiter, tag)) this.#finish(waiter);
    }
    const { granted, free, blockedForMs, releases, limitFactor } = allocation;
    const now = this.dependencies.clock.monotonicNow();
    this.#inForce = { limitFactor, limitFactorAt: now, blockedUntil: 0 };
    this.#capacity = {
      isFree: free > 0 && blockedForMs === 0,
      nextAt: now + Math.max(blockedForMs, releases[0]?.[0] ?? 0),
    };
    this.#dispatch();
    this.#deferLateWaiters(allocation, now);
    return granted > 0 && free > 0;
  }

  /** Gives the permits at hand to the first requests of the queue. */
  #dispatch(): void {
    while (this.#queue.hasNext) {
      const permit = this.#permits.take();
      const waiter = permit && this.#queue.dequeue();
      if (!waiter) return;
      this.#finish(waiter);
      this.#served.add(waiter.requester);
      waiter.resolve(permit);
    }
  }

  /** Rejects queued requests that can't be served within `maxWaitMs`, with their estimated wait. */
  #deferLateWaiters(allocation: Allocation, now: number): void {
    const { limit, maxWaitMs } = this.limits;
    // Overbooking, so that a client that doesn't return leaves no capacity unused.
    const overbooked = Math.max(1, Math.floor(Math.sqrt(limit) / 3));
    const context = { now, maxWaitMs, overbooked };
    for (const late of lateWaiters(this.#queue, allocation, context)) this.#defer(late, allocation);
  }

  #defer({ waiter, waitMs }: LateWaiter, allocation: Allocation): void {
    const { clock, random } = this.dependencies;
    const { maxWaitMs } = this.limits;
    const seconds = retryAfterSeconds({ waitMs, maxWaitMs, random: random() }, allocation);
    this.#queue.remove(waiter);
    const { tenant, clientApp, requester, tag } = waiter;
    if (requester !== undefined && tag !== undefined) {
      const dueAt = clock.monotonicNow() + Math.max(waitMs, seconds * 1000);
      this.#reporter.reservations.push({ tenant, clientApp, requester, tag, dueAt });
      waiter.onLeft();
    } else {
      this.#finish(waiter);
    }
    waiter.reject(new BudgetExhausted(seconds, { ...this.key }));
  }

  /** The request left the queue for good: its tag no longer counts. */
  #finish({ tenant, clientApp, tag, isReservationDue = false, onLeft }: Waiter): void {
    onLeft();
    if (tag === undefined) return;
    this.#reporter.finishedTags.push({ tenant, clientApp, tag, isReservationDue });
  }

  #rejectAll(reason: unknown): void {
    for (const waiter of this.#queue.removeAll()) {
      this.#finish(waiter);
      waiter.reject(reason);
    }
  }

  /** ACS answered 429: reports it at once, so that the window lowers the limit of all replicas. */
  #onThrottled({ retryAfterSeconds: seconds }: Throttled): void {
    const fields = { ...this.key, ...(seconds !== undefined && { retryAfterSeconds: seconds }) };
    this.dependencies.logger.warn(fields, 'azure communication services limits our requests');
    this.#reporter.throttled = seconds === undefined ? {} : { retryAfterMs: seconds * 1000 };
    this.#wake.abort(WOKEN);
    this.#drain();
  }

  #prefetch(): void {
    this.#wantsPrefetch = true;
    this.#drain();
  }

  /** Whether unused permits are held for which other replicas queue. */
  get #holdsUnused(): boolean {
    return !this.#capacity.isFree && this.#permits.available > 0;
  }

  /** Waits until capacity is expected, or for `MAX_PAUSE_MS`. */
  async #pause(): Promise<void> {
    const { clock } = this.dependencies;
    const minMs = Math.min(100, Math.max(20, this.limits.windowMs / 400));
    this.#wake = new AbortController();
    const pauseMs = Math.min(
      MAX_PAUSE_MS,
      Math.max(minMs, this.#capacity.nextAt - clock.monotonicNow()),
    );
    await clock.sleep(pauseMs, this.#wake.signal).catch(() => undefined);
  }
}
