import { type Demand, type LedgerAnswer, reuseMs } from './budget-ledger.js';

/** So many more are called back than there is place for. */
const SPARE = 0.02;

/** Tells from the ledger's last answer when calls get free. */
export class BudgetForecast {
  #answer: LedgerAnswer = {
    ...{ granted: 0, free: 0, frees: [], limit: 1, blockedForMs: 0 },
    others: { interactive: 0, bulk: 0, promised: 0 },
  };
  #answeredAt = 0;
  #own: Demand = { interactive: 0, bulk: 0, promised: 0 };
  #callMs = 0;

  /** @param limit what is thought to be free until the ledger has answered */
  constructor(
    private readonly windowMs: number,
    limit: number,
  ) {
    this.#answer = { ...this.#answer, free: limit, limit };
  }

  /** @param own the demand that was reported for this answer */
  learn(answer: LedgerAnswer, own: Demand, now: number): void {
    this.#answer = answer;
    this.#own = own;
    this.#answeredAt = now;
  }

  /** A call took so long: its place is free that much later. */
  observe(callMs: number): void {
    this.#callMs += (callMs - this.#callMs) / 20;
  }

  /** Whether a question could give a call at once. */
  get mayHaveFree(): boolean {
    return this.#answer.free > 0 && this.#answer.blockedForMs === 0;
  }

  /** When the next call gets free, in ms from now. */
  nextInMs(now: number): number {
    const elapsed = now - this.#answeredAt;
    const [next] = this.#answer.frees;
    return Math.max(0, this.#answer.blockedForMs - elapsed, next ? next[0] - elapsed : 0);
  }

  /** How many of all replicas' turns come before this replica has had so many. */
  globalTurn(turn: number, among: 'waiting' | 'all', ownNow: number): number {
    const size = (demand: Demand): number =>
      demand.interactive + (among === 'all' ? demand.promised : 0);
    const own = Math.max(ownNow, size(this.#own));
    const others = size(this.#answer.others);
    // Rather too early than too late: the others' figures may be from before the latest came.
    if (own === 0) return turn + others;
    return Math.min(turn + others, Math.ceil((turn * (own + others)) / own));
  }

  /**
   * When to have a caller back for its turn, in ms from now. A few more are called back for each window
   * than it can serve: a place that nobody is there to take is lost for a whole window.
   */
  returnMs(turn: number, now: number): number {
    const spare = Math.ceil(turn * SPARE) + 2;
    return this.waitMs(Math.max(1, turn - spare), now);
  }

  /** When so many calls will have been granted over all replicas, in ms from now. */
  waitMs(turn: number, now: number): number {
    const { free, frees, blockedForMs } = this.#answer;
    const elapsed = now - this.#answeredAt;
    const inWindow = Math.max(1, free + frees.reduce((sum, [, count]) => sum + count, 0));
    const cycles = Math.floor((turn - 1) / inWindow);
    const rest = turn - cycles * inWindow;
    let reached = free;
    let inMs = 0;
    for (const [freeInMs, count] of frees) {
      if (reached >= rest) break;
      reached += count;
      inMs = freeInMs;
    }
    const cycleMs = reuseMs(this.windowMs) + this.#callMs + this.windowMs / 250;
    return Math.max(0, Math.max(blockedForMs, inMs) - elapsed) + cycles * cycleMs;
  }
}

/**
 * When to come back for a turn: a little before it, each caller differently, so that not all come at
 * once. What is left is spent waiting in the queue.
 *
 * @param random from 0 to below 1
 * @returns whole seconds, 1 or more
 */
export function retryAfterSeconds(turn: {
  inMs: number;
  maxWaitMs: number;
  random: number;
}): number {
  const { inMs, maxWaitMs, random } = turn;
  const earlyMs = random * Math.min(0.15 * inMs, 0.4 * maxWaitMs);
  const seconds = Math.floor((inMs - earlyMs) / 1000);
  const isTooEarly = inMs - seconds * 1000 > 0.8 * maxWaitMs;
  return Math.max(1, isTooEarly ? Math.ceil(inMs / 1000) : seconds);
}
