import { randomUUID } from 'node:crypto';
import type { Clock } from '#libs/platform';
import { Backlog } from './backlog.js';
import { BudgetForecast, retryAfterSeconds } from './budget-forecast.js';
import type { Demand, LedgerAnswer, LedgerRequest, LedgerTerms } from './budget-ledger.js';
import { FairQueue, type Place } from './fair-queue.js';
import { BudgetExhausted } from './gateway-errors.js';
import { Permits } from './permits.js';
import type { BudgetRequest, Permit } from './request-budget.js';

export interface LaneTerms extends LedgerTerms {
  /** The longest that a caller is kept waiting. */
  readonly maxWaitMs: number;
}

/** What a lane works with. */
export interface LaneEnvironment {
  readonly holder: string;
  /** One turn at the ledger that all replicas share. */
  readonly turn: (request: LedgerRequest) => Promise<LedgerAnswer>;
  readonly clock: Clock;
  /** @returns a number from 0 to below 1 */
  readonly random: () => number;
}

interface Waiter extends Place {
  readonly priority: 'interactive' | 'bulk';
  isAdmitted: boolean;
  readonly resolve: (permit: Permit) => void;
  readonly reject: (reason: unknown) => void;
  /** Ends the waiter's timers when it waits no more. */
  readonly ended: AbortController;
}

/** A newcomer is judged after this long at most, when those who came with it are known. */
const LONGEST_JUDGEMENT_MS = 500;
/** The forecast may be wrong by this much before somebody is sent away who could have waited. */
const LENIENCE = 1.1;

/** The budget of one operation of one ACS resource, as one replica sees it. */
export class BudgetLane {
  readonly #interactive = new FairQueue<Waiter>();
  readonly #bulk = new FairQueue<Waiter>();
  readonly #backlog: Backlog;
  readonly #forecast: BudgetForecast;
  readonly #permits: Permits;
  readonly #closed = new AbortController();
  #wake = new AbortController();
  #throttled: { retryAfterMs?: number } | undefined;
  #isPumping = false;
  #isReporting = false;
  #wantsReserve = false;

  constructor(
    private readonly terms: LaneTerms,
    private readonly environment: LaneEnvironment,
  ) {
    this.#backlog = new Backlog(2 * terms.maxWaitMs);
    this.#forecast = new BudgetForecast(terms.windowMs, terms.limit);
    this.#permits = new Permits(terms.windowMs / 250);
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#interactive.size + this.#bulk.size;
  }

  async acquire(request: BudgetRequest): Promise<Permit> {
    const { tenant = '', clientApp = '', priority = 'interactive', signal } = request;
    signal?.throwIfAborted();
    const now = this.environment.clock.now();
    const isInteractive = priority === 'interactive';
    const hasPrecedence = isInteractive && this.#backlog.arrives({ tenant, clientApp }, now);
    if (isInteractive && this.#interactive.size === 0) {
      const permit = this.#begin();
      if (permit) {
        this.#replenish(now);
        return permit;
      }
    }
    const { promise, resolve, reject } = Promise.withResolvers<Permit>();
    const place = { tenant, clientApp, hasPrecedence, priority };
    const waiter = { ...place, isAdmitted: false, resolve, reject, ended: new AbortController() };
    this.#enter(waiter, signal);
    return promise;
  }

  /** Gives unused calls back; who still waits is refused. */
  async close(): Promise<void> {
    this.#closed.abort(new Error('the request budget is closed'));
    this.#refuseAll(new BudgetExhausted(1));
    this.#wake.abort();
    if (this.#permits.isIdle) return;
    const report = this.#permits.report(this.environment.clock.now(), true);
    await this.environment.turn({ ...this.#request(), ...report, reserve: 0 });
  }

  #enter(waiter: Waiter, signal: AbortSignal | undefined): void {
    (waiter.priority === 'bulk' ? this.#bulk : this.#interactive).push(waiter);
    if (waiter.priority === 'interactive') this.#backlog.waits(waiter);
    const abort = (): void => {
      if (this.#leave(waiter)) waiter.reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { signal: waiter.ended.signal });
    void this.#watch(waiter);
    if (this.#forecast.mayHaveFree) this.#wake.abort();
    void this.#pump();
  }

  /** Sends the waiter away when its turn does not come in time; most often that is known early. */
  async #watch(waiter: Waiter): Promise<void> {
    const { maxWaitMs } = this.terms;
    const judgementMs = waiter.hasPrecedence ? 0 : Math.min(LONGEST_JUDGEMENT_MS, maxWaitMs / 4);
    if (!(await this.#isStillThere(waiter, judgementMs))) return;
    if (!waiter.hasPrecedence && !this.#comesWithin(maxWaitMs - judgementMs, waiter)) {
      this.#sendAway(waiter);
      return;
    }
    this.#admit(waiter);
    if (await this.#isStillThere(waiter, maxWaitMs - judgementMs)) this.#sendAway(waiter);
  }

  async #isStillThere({ ended }: Waiter, afterMs: number): Promise<boolean> {
    await this.environment.clock.sleep(afterMs, ended.signal).catch(() => undefined);
    return !ended.signal.aborted;
  }

  #admit(waiter: Waiter): void {
    waiter.isAdmitted = true;
    if (waiter.priority === 'interactive') this.#backlog.admits(waiter);
  }

  #comesWithin(waitMs: number, waiter: Waiter): boolean {
    const turn = Math.floor(this.#turnOf(waiter, 'waiting') / LENIENCE);
    return this.#forecast.waitMs(Math.max(1, turn), this.environment.clock.now()) <= waitMs;
  }

  #turnOf(waiter: Waiter, among: 'waiting' | 'all'): number {
    const now = this.environment.clock.now();
    const promised = among === 'all' ? this.#backlog.promised(now) : 0;
    const own = this.#interactive.size + promised;
    const turn =
      waiter.priority === 'bulk' ? own + this.#bulk.size : this.#backlog.turn(waiter, among, now);
    return this.#forecast.globalTurn(turn, among, own);
  }

  /** Refuses with the time when the turn will come; the caller is expected back then. */
  #sendAway(waiter: Waiter): void {
    const now = this.environment.clock.now();
    // One who has waited all the time is ahead of those who were told to come back.
    const turn = this.#turnOf(waiter, waiter.isAdmitted ? 'waiting' : 'all');
    const seconds = retryAfterSeconds({
      inMs: waiter.isAdmitted
        ? this.#forecast.waitMs(turn, now)
        : this.#forecast.returnMs(turn, now),
      maxWaitMs: this.terms.maxWaitMs,
      random: this.environment.random(),
    });
    this.#leave(waiter);
    if (waiter.priority === 'interactive') this.#backlog.promise(waiter, now + seconds * 1000);
    waiter.reject(new BudgetExhausted(seconds));
  }

  /** @returns whether it was waiting still */
  #leave(waiter: Waiter): boolean {
    const isBulk = waiter.priority === 'bulk';
    if (!(isBulk ? this.#bulk : this.#interactive).remove(waiter)) return false;
    this.#left(waiter);
    return true;
  }

  #left(waiter: Waiter): void {
    if (waiter.priority === 'interactive') this.#backlog.leaves(waiter, waiter.isAdmitted);
    waiter.ended.abort();
  }

  #refuseAll(reason: unknown): void {
    for (const waiter of [...this.#interactive.drain(), ...this.#bulk.drain()]) {
      this.#left(waiter);
      waiter.reject(reason);
    }
  }

  #begin(): Permit | undefined {
    const { clock } = this.environment;
    const begunAt = clock.now();
    const lease = this.#permits.take(begunAt);
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
          const now = clock.now();
          this.#permits.finish(lease, now);
          this.#forecast.observe(now - begunAt);
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

  #dispatch(): void {
    for (;;) {
      if (this.waiting === 0) return;
      const permit = this.#begin();
      if (!permit) return;
      const waiter = this.#interactive.shift() ?? this.#bulk.shift();
      if (!waiter) return;
      this.#left(waiter);
      waiter.resolve(permit);
    }
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

  /** Takes turns at the ledger for as long as somebody waits; one at a time. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      do {
        const isMore = await this.#takeTurn();
        this.#dispatch();
        if (this.waiting > 0 && !isMore) await this.#pause();
      } while (this.waiting > 0 || this.#throttled || this.#wantsReserve || this.#hoards);
    } catch (error) {
      this.#refuseAll(error);
    } finally {
      this.#isPumping = false;
      if (!this.#isQuiet) this.#reportLater();
    }
  }

  /** Whether calls are held that others wait for: those for whom they were granted have left. */
  get #hoards(): boolean {
    return !this.#forecast.mayHaveFree && this.#permits.count(this.environment.clock.now()) > 0;
  }

  /** @returns whether another turn would give more at once */
  async #takeTurn(): Promise<boolean> {
    const { clock, turn } = this.environment;
    // Taken before the question leaves, so that it ends here before the ledger lets go of it.
    const askedAt = clock.now();
    this.#backlog.prune(askedAt);
    // What was used after ACS refused calls would be refused as well; and others may wait for it.
    const isAll = this.#throttled !== undefined || (this.waiting === 0 && this.#hoards);
    const report = this.#permits.report(askedAt, isAll);
    const request = { ...this.#request(), ...report };
    this.#throttled = undefined;
    this.#wantsReserve = false;
    const answer = await turn(request);
    const now = clock.now();
    this.#permits.add(request.leaseId, answer.granted, {
      usableUntil: askedAt + this.terms.leaseMs,
      returnAt: answer.free > 0 ? now + this.terms.windowMs / 10 : now,
    });
    this.#forecast.learn(answer, request.demand, now);
    return answer.granted > 0 && answer.free > 0;
  }

  #request(): LedgerRequest {
    const demand: Demand = {
      interactive: this.#interactive.size,
      bulk: this.#bulk.size,
      promised: this.#backlog.promised(this.environment.clock.now()),
    };
    const wantsReserve = this.#wantsReserve || demand.interactive > 0;
    return {
      holder: this.environment.holder,
      leaseId: randomUUID(),
      demand,
      reserve: wantsReserve ? this.#reserve : 0,
      finished: [],
      returned: [],
      ...(this.#throttled && { throttled: this.#throttled }),
    };
  }

  async #pause(): Promise<void> {
    const { clock } = this.environment;
    const { windowMs } = this.terms;
    const shortestMs = Math.max(5, windowMs / 300);
    const longestMs = Math.max(shortestMs, Math.min(windowMs / 20, LONGEST_JUDGEMENT_MS / 2));
    const nextMs = this.#forecast.nextInMs(clock.now());
    this.#wake = new AbortController();
    const pauseMs = Math.min(longestMs, Math.max(shortestMs, nextMs));
    await clock.sleep(pauseMs, this.#wake.signal).catch(() => undefined);
  }

  /** Whether the ledger need not hear of this replica. */
  get #isQuiet(): boolean {
    return this.#permits.isIdle && this.#backlog.promised(this.environment.clock.now()) === 0;
  }

  /** Tells the ledger soon what has ended, so that others can count on it. */
  #reportLater(): void {
    if (this.#isReporting || this.#closed.signal.aborted) return;
    this.#isReporting = true;
    const { clock } = this.environment;
    const pauseMs = Math.max(50, this.terms.windowMs / 20);
    void clock
      .sleep(pauseMs, this.#closed.signal)
      .then(() => {
        this.#isReporting = false;
        // Others count on who was told to come back here for as long as they hear of it.
        const now = clock.now();
        const hasNews = this.#permits.hasNews(now) || this.#backlog.promised(now) > 0;
        if (hasNews) void this.#pump();
        else if (!this.#isQuiet) this.#reportLater();
      })
      .catch(() => undefined);
  }
}
