import { randomUUID } from 'node:crypto';
import type { Clock } from '#libs/platform';
import {
  type Reservation,
  type Allocation,
  type ReplicaReport,
  type WindowLimits,
  MAX_REPORTED,
} from './window/reconcile.js';
import { type FinishedTag, FairQueue } from './queue/fair-queue.js';
import { BudgetExhausted } from './errors.js';
import { type CapacityForecast, estimatedWaitMs } from './forecast/capacity-forecast.js';
import { LeasedPermits } from './queue/leased-permits.js';
import type { BudgetRequest, Permit } from './request-budget.js';
import { shouldDefer, retryAfterSeconds } from './forecast/retry-after.js';
import { type Waiter, WaitQueue } from './queue/wait-queue.js';

export interface OperationLimits extends WindowLimits {
  /** The longest that a caller is kept waiting. */
  readonly maxWaitMs: number;
}

/** What a lane works with. */
export interface OperationLimiterDependencies {
  readonly holder: string;
  /** One turn at the ledger that all replicas share. */
  readonly turn: (request: ReplicaReport) => Promise<Allocation>;
  readonly clock: Clock;
  /** @returns a number from 0 to below 1 */
  readonly random: () => number;
}

/**
 * The budget of one operation of one ACS resource, as one replica sees it.
 *
 * A caller for whom a call is at hand gets it at once. The others get a turn from the ledger and wait.
 * While anybody waits, the lane goes to the ledger again and again: it reports what has become of
 * earlier calls, and is granted what is free for the lowest turns. Whose turn can't come in time is
 * told to come back a little before it, and keeps the turn, in whatever replica that will be.
 */
export class OperationLimiter {
  readonly #line = new WaitQueue();
  readonly #permits: LeasedPermits;
  readonly #closed = new AbortController();
  #wake = new AbortController();
  /** What the ledger has not heard of yet. */
  #ended: FinishedTag[] = [];
  #told: (Omit<Reservation, 'inMs'> & { readonly dueAt: number })[] = [];
  #throttled: { retryAfterMs?: number } | undefined;
  #wantsReserve = false;
  #isPumping = false;
  #isReporting = false;
  /** Whether a question could give a call at once, and when it could otherwise. */
  #next = { hasFree: true, at: 0 };

  constructor(
    private readonly terms: OperationLimits,
    private readonly environment: OperationLimiterDependencies,
  ) {
    this.#permits = new LeasedPermits(terms.windowMs / 250);
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#line.size;
  }

  async acquire(request: BudgetRequest): Promise<Permit> {
    const { tenant = '', clientApp = '', key, priority = 'interactive', signal } = request;
    signal?.throwIfAborted();
    const isBulk = priority === 'bulk';
    const since = this.environment.clock.now();
    if (!isBulk && this.#line.interactive === 0) {
      const permit = this.#begin();
      if (permit) {
        this.#ended.push({ tenant, clientApp });
        this.#replenish(since);
        return permit;
      }
    }
    const { promise, resolve, reject } = Promise.withResolvers<Permit>();
    const ended = new AbortController();
    const waiter = { tenant, clientApp, key, isBulk, since, resolve, reject, ended };
    this.#line.push(waiter);
    const abort = (): void => {
      if (!this.#line.remove(waiter)) return;
      this.#leaves(waiter);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { signal: ended.signal });
    if (this.#next.hasFree) this.#wake.abort();
    void this.#pump();
    return promise;
  }

  /** Gives unused calls back; who still waits is refused. */
  async close(): Promise<void> {
    this.#closed.abort(new Error('the request budget is closed'));
    this.#refuseAll(new BudgetExhausted(1));
    this.#wake.abort();
    if (this.#permits.isIdle && this.#told.length === 0) return;
    await this.environment.turn({ ...this.#report(true), reserve: 0 });
  }

  /** Takes turns at the ledger for as long as somebody waits; one at a time. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      do {
        const isMore = await this.#takeTurn();
        if (this.waiting > 0 && !isMore) await this.#pause();
      } while (this.waiting > 0 || this.#throttled || this.#wantsReserve || this.#hoards);
    } catch (error) {
      this.#refuseAll(error);
    } finally {
      this.#isPumping = false;
      if (!this.#isQuiet) this.#reportLater();
    }
  }

  /** @returns whether another turn would give more at once */
  async #takeTurn(): Promise<boolean> {
    const { clock, turn } = this.environment;
    // Taken before the question leaves, so that it ends here before the ledger lets go of it.
    const askedAt = clock.now();
    const newcomers = this.#line.newcomers;
    // What was used after ACS refused calls would be refused as well; and others may wait for it.
    const isAll = this.#throttled !== undefined || (this.waiting === 0 && this.#hoards);
    const request = this.#report(isAll, newcomers);
    const answer = await turn(request);
    const now = clock.now();
    this.#permits.add(request.leaseId, answer.granted, {
      usableUntil: askedAt + this.terms.leaseMs,
      returnAt: answer.free > 0 ? now + this.terms.windowMs / 10 : now,
    });
    for (const [nth, waiter] of newcomers.entries()) {
      const given = answer.turns[nth];
      if (given && !this.#line.seat(waiter, given)) {
        this.#leaves(Object.assign(waiter, given));
      }
    }
    const hasFree = answer.free > 0 && answer.blockedForMs === 0;
    this.#next = { hasFree, at: now + Math.max(answer.blockedForMs, answer.frees[0]?.[0] ?? 0) };
    this.#dispatch();
    this.#judge(answer, now);
    return answer.granted > 0 && answer.free > 0;
  }

  /** All that there is to say; it counts as said from now on. */
  #report(isAll: boolean, newcomers: readonly Waiter[] = []): ReplicaReport {
    const now = this.environment.clock.now();
    const request: ReplicaReport = {
      holder: this.environment.holder,
      leaseId: randomUUID(),
      newcomers: newcomers.map(({ tenant, clientApp, key }) => ({
        ...{ tenant, clientApp },
        ...(key !== undefined && { key }),
      })),
      waiting: this.#line.seated.slice(0, MAX_REPORTED).map(({ turn }) => turn),
      bulk: this.#line.bulk.length,
      ended: this.#ended,
      told: this.#told.map(({ key, turn, dueAt }) => ({ key, turn, inMs: dueAt - now })),
      reserve: this.#wantsReserve || this.#line.interactive > 0 ? this.#reserve : 0,
      ...this.#permits.report(now, isAll),
      ...(this.#throttled && { throttled: this.#throttled }),
    };
    this.#ended = [];
    this.#told = [];
    this.#throttled = undefined;
    this.#wantsReserve = false;
    return request;
  }

  #dispatch(): void {
    while (this.#line.hasNext) {
      const permit = this.#begin();
      const waiter = permit && this.#line.shift();
      if (!waiter) return;
      this.#leaves(waiter);
      waiter.resolve(permit);
    }
  }

  /** Tells those to come back whose turn does not come in time. */
  #judge(answer: Allocation, now: number): void {
    const { maxWaitMs } = this.terms;
    const turns = new FairQueue(answer.line);
    const tellUnlessInTime = (waiter: Waiter, place: number): void => {
      const inMs = estimatedWaitMs(answer, Math.max(1, place - answer.underWay - this.#spare));
      const { since, isDue = false } = waiter;
      if (!shouldDefer({ inMs, waitedMs: now - since, isDue }, maxWaitMs)) return;
      this.#tell(waiter, inMs, answer);
    };
    for (const waiter of [...this.#line.seated]) {
      tellUnlessInTime(waiter, turns.place(waiter.turn));
    }
    const { open } = turns;
    for (const [nth, waiter] of this.#line.bulk.entries()) tellUnlessInTime(waiter, open + nth + 1);
  }

  #tell(waiter: Waiter, inMs: number, openings: CapacityForecast): void {
    const { clock, random } = this.environment;
    const { maxWaitMs } = this.terms;
    const seconds = retryAfterSeconds({ inMs, maxWaitMs, random: random() }, openings);
    this.#line.remove(waiter);
    const { key, turn } = waiter;
    if (key !== undefined && turn !== undefined) {
      this.#told.push({ key, turn, dueAt: clock.now() + Math.max(inMs, seconds * 1000) });
      waiter.ended.abort();
    } else {
      this.#leaves(waiter);
    }
    waiter.reject(new BudgetExhausted(seconds));
  }

  /** A waiter is no more in line. */
  #leaves({ tenant, clientApp, turn, isDue = false, ended }: Waiter): void {
    ended.abort();
    if (turn !== undefined) this.#ended.push({ tenant, clientApp, turn, isDue });
  }

  #refuseAll(reason: unknown): void {
    for (const waiter of this.#line.drain()) {
      this.#leaves(waiter);
      waiter.reject(reason);
    }
  }

  #begin(): Permit | undefined {
    const { clock } = this.environment;
    const lease = this.#permits.take(clock.now());
    if (lease === undefined) return undefined;
    let isOpen = true;
    const end = (work: () => void): void => {
      if (isOpen) work();
      isOpen = false;
      this.#reportLater();
    };
    return {
      done: (throttled) => {
        end(() => {
          this.#permits.finish(lease, clock.now());
          if (throttled) this.#slowDown(throttled.retryAfterSeconds);
        });
      },
      cancel: () => {
        end(() => {
          this.#permits.giveBack(lease);
        });
      },
    };
  }

  #slowDown(retryAfterSeconds: number | undefined): void {
    this.#throttled =
      retryAfterSeconds === undefined ? {} : { retryAfterMs: retryAfterSeconds * 1000 };
    this.#wake.abort();
    void this.#pump();
  }

  /** Asks for more before the last call is used, so that the next caller need not wait for it. */
  #replenish(now: number): void {
    if (this.#permits.count(now) > this.#reserve / 2) return;
    this.#wantsReserve = true;
    void this.#pump();
  }

  get #reserve(): number {
    return Math.max(1, Math.ceil(this.terms.limit / 50));
  }

  /** So many more are called back for each window than it can serve: a place must not be lost. */
  get #spare(): number {
    return Math.max(1, Math.floor(Math.sqrt(this.terms.limit) / 3));
  }

  /** Whether calls are held that others wait for: those for whom they were granted have left. */
  get #hoards(): boolean {
    return !this.#next.hasFree && this.#permits.count(this.environment.clock.now()) > 0;
  }

  async #pause(): Promise<void> {
    const { clock } = this.environment;
    const shortestMs = Math.min(100, Math.max(20, this.terms.windowMs / 400));
    this.#wake = new AbortController();
    const pauseMs = Math.min(250, Math.max(shortestMs, this.#next.at - clock.now()));
    await clock.sleep(pauseMs, this.#wake.signal).catch(() => undefined);
  }

  /** Whether there is nothing that the ledger has to hear, now or later. */
  get #isQuiet(): boolean {
    return this.#permits.isIdle && this.#told.length + this.#ended.length === 0;
  }

  /** Tells the ledger soon what has ended, so that others can count on it. */
  #reportLater(): void {
    if (this.#isReporting || this.#closed.signal.aborted) return;
    this.#isReporting = true;
    const { clock } = this.environment;
    const pauseMs = Math.max(50, this.terms.windowMs / 20);
    void clock
      .sleep(this.#told.length > 0 ? 50 : pauseMs, this.#closed.signal)
      .then(() => {
        this.#isReporting = false;
        const hasNews = this.#permits.hasNews(clock.now()) || this.#told.length > 0;
        if (hasNews) void this.#pump();
        else if (!this.#isQuiet) this.#reportLater();
      })
      .catch(() => undefined);
  }
}
