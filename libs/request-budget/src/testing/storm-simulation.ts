import { Registry } from 'prom-client';
import { BudgetExhausted } from '../errors.js';
import { BudgetMetrics } from '../metrics.js';
import type { BudgetRequest } from '../request-budget.js';
import { SharedRequestBudget } from '../shared-request-budget.js';
import { MemoryWindowStore, WindowStore } from '../window/window-store.js';
import { Clock, MemoryLogger } from '#libs/platform';
import { StormClock } from './storm-clock.js';
import { type Balancing, fairness, toldRight, type Visit } from '../../../../bench/storm-crowd.js';

/** A storm in virtual time, on machines as busy and networks as slow as real ones. */
export interface SimulatedStorm {
  readonly seed: number;
  readonly limit: number;
  readonly windowMs: number;
  readonly maxWaitMs: number;
  readonly replicas: number;
  readonly balancing: Balancing;
  /** How many people each tenant sends. */
  readonly tenants: readonly number[];
  /** How long calls to ACS take. */
  readonly callMs: { readonly least: number; readonly usual: number; readonly most: number };
  /** Share of those told to come back who never do. */
  readonly noShows?: number;
  /** When replicas die, in ms; each ends the requests that it holds. Their clients ask another one. */
  readonly deaths?: readonly number[];
}

export interface StormOutcome {
  readonly visits: readonly Visit[];
  /** Of those who went on until they were served. */
  readonly served: number;
  readonly missing: number;
  readonly totalMs: number;
  /** Calls that ACS got. */
  readonly calls: number;
  /** The most calls that ACS got in any stretch of a window. */
  readonly busiest: number;
  readonly told: number;
  readonly toldRight: number;
  /** Jain's index when a quarter, half and three quarters were served. */
  readonly fairness: readonly number[];
  /** Turns that the ledger took. */
  readonly turns: number;
}

/** The first requests of all reach the budget within so long: tokens are verified, rows written. */
const ARRIVAL_MS = 4000;
/** An answer, and a client that comes back, are late by so much at most. */
const LATE_MS = 500;
const STALLS = { everyMs: 5000, longestMs: 700 };
const TURN = { waysMs: 145, lockedMs: 10 };
const ISSUE = { resource: 'default', operation: 'issue' } as const;

/** The same numbers each time, from 0 to below 1. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // The generator mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function simulate(storm: SimulatedStorm): Promise<StormOutcome> {
  const world = new World(storm);
  const people = storm.tenants
    .flatMap((size, tenant) => Array.from({ length: size }, () => `tenant ${tenant}`))
    .map((tenant, number) => ({ tenant, number, order: world.random() }))
    .toSorted((a, b) => a.order - b.order);
  const all = Promise.all(people.map(async (person) => world.visit(person)));
  const visits = await world.clock.run(all);
  const came = visits.filter((visit): visit is Visit => visit !== undefined);
  const judged = came.filter(({ servedAtMs }) => servedAtMs !== undefined);
  return {
    visits: came,
    served: judged.length,
    missing: visits.length - came.length,
    totalMs: Math.max(...judged.map(({ servedAtMs = 0 }) => servedAtMs)),
    calls: world.arrivals.length,
    busiest: busiest(world.arrivals, storm.windowMs),
    told: came.filter(({ told }) => told.length > 0).length,
    toldRight: toldRight(came, 0.2),
    fairness: [0.25, 0.5, 0.75].map((share) => fairness(came, share)),
    turns: world.turns,
  };
}

/** How long calls of a simulated storm take on average. */
export function meanCallMs({ least, usual, most }: SimulatedStorm['callMs']): number {
  const spread = usual - least;
  return least + spread * (1 - Math.exp((least - most) / spread));
}

/** The most calls that any stretch of one window saw. */
export function busiest(arrivals: readonly number[], windowMs: number): number {
  const sorted = arrivals.toSorted((a, b) => a - b);
  let from = 0;
  let most = 0;
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] ?? at) >= windowMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

/** A process as its budget sees the time: it stands still now and then, and may die. */
class Process extends Clock {
  readonly budget: SharedRequestBudget;
  readonly died = new AbortController();
  #stalledUntil = 0;

  constructor(
    private readonly world: World,
    { limit, windowMs, maxWaitMs, callMs }: SimulatedStorm,
  ) {
    super();
    const limits = {
      ...{ create: limit, createWithToken: limit, issue: limit },
      ...{ revoke: limit, delete: limit, exchange: limit },
    };
    const settings = { limits, windowMs, maxWaitMs, timeoutMs: callMs.most + 1000 };
    this.budget = new SharedRequestBudget(new DistantLedgers(world, this), settings, {
      clock: this,
      logger: new MemoryLogger(),
      metrics: new BudgetMetrics(new Registry()),
      random: world.random,
    });
    void this.#stallNowAndThen();
  }

  now(): number {
    return this.world.clock.now();
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.world.clock.sleep(delayMs, signal);
    await this.awake();
  }

  /** Until the process does something again; a dead one never does. */
  async awake(): Promise<void> {
    const { clock } = this.world;
    while (this.#stalledUntil > clock.now()) await clock.sleep(this.#stalledUntil - clock.now());
    if (this.died.signal.aborted) await new Promise(() => undefined);
  }

  async #stallNowAndThen(): Promise<void> {
    const { clock, random } = this.world;
    while (!this.died.signal.aborted) {
      await clock.sleep(2 * STALLS.everyMs * random());
      this.#stalledUntil = clock.now() + STALLS.longestMs * random();
    }
  }
}

/** The ledgers of the one database: the way there takes its time, and turns wait for one another. */
class DistantLedgers extends WindowStore {
  constructor(
    private readonly world: World,
    private readonly process: Process,
  ) {
    super();
  }

  override change: WindowStore['change'] = async (...turn) => {
    const { clock, random } = this.world;
    await clock.sleep(2 + TURN.waysMs * random());
    const answer = await this.world.locked(async () => {
      await clock.sleep(1 + TURN.lockedMs * random());
      return this.world.ledgers.change(...turn);
    });
    await clock.sleep(2 + TURN.waysMs * random());
    await this.process.awake();
    return answer;
  };
}

/** Everything that a storm goes through. */
class World {
  readonly clock = new StormClock();
  readonly random: () => number;
  readonly ledgers: MemoryWindowStore;
  /** When calls reached ACS. */
  readonly arrivals: number[] = [];
  turns = 0;
  #lock: Promise<unknown> = Promise.resolve();
  #processes: Process[];

  constructor(private readonly storm: SimulatedStorm) {
    this.random = dice(storm.seed);
    this.ledgers = new MemoryWindowStore(this.clock);
    this.#processes = Array.from({ length: storm.replicas }, () => new Process(this, storm));
    for (const at of storm.deaths ?? []) void this.#killOne(at);
  }

  async locked<T>(work: () => Promise<T>): Promise<T> {
    this.turns += 1;
    const result = this.#lock.then(work);
    this.#lock = result.catch(() => undefined);
    return result;
  }

  /** One person's way to the token. @returns `undefined` when the person did not come back */
  async visit({ tenant, number }: { tenant: string; number: number }): Promise<Visit | undefined> {
    const { clock, random, storm } = this;
    const told: { atMs: number; seconds: number }[] = [];
    const faults: number[] = [];
    let own = this.#anyProcess();
    await clock.sleep(ARRIVAL_MS * random());
    for (;;) {
      if (storm.balancing === 'request' || own.died.signal.aborted) own = this.#anyProcess();
      const answer = await this.#ask(own, { tenant, clientApp: 'app', key: `person ${number}` });
      await clock.sleep(LATE_MS * random());
      if (answer === 'served') {
        const auditEntry = undefined;
        return { tenant, servedAtMs: clock.now(), told, faults, auditEntry };
      }
      if (answer === 'died') {
        faults.push(0);
        continue;
      }
      told.push({ atMs: clock.now(), seconds: answer });
      if (random() < (storm.noShows ?? 0)) return undefined;
      await clock.sleep(answer * 1000 + LATE_MS * random());
    }
  }

  async #ask(
    process: Process,
    who: Pick<BudgetRequest, 'tenant' | 'clientApp' | 'key'>,
  ): Promise<'served' | 'died' | number> {
    const death = new Promise<'died'>((resolve) => {
      process.died.signal.addEventListener('abort', () => {
        resolve('died');
      });
    });
    return Promise.race([death, this.#serve(process, who)]);
  }

  async #serve(
    process: Process,
    who: Pick<BudgetRequest, 'tenant' | 'clientApp' | 'key'>,
  ): Promise<'served' | number> {
    try {
      await process.awake();
      const permit = await process.budget.acquire({ ...who, ...ISSUE });
      await process.awake();
      const tookMs = this.#callMs();
      const on = this.random();
      await this.clock.sleep(on * tookMs);
      this.arrivals.push(this.clock.now());
      await this.clock.sleep((1 - on) * tookMs);
      await process.awake();
      permit.done();
      return 'served';
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      return error.retryAfterSeconds ?? 0;
    }
  }

  /** Mostly as usual, some far longer. */
  #callMs(): number {
    const { least, usual, most } = this.storm.callMs;
    return Math.min(most, least - (usual - least) * Math.log(1 - this.random()));
  }

  #anyProcess(): Process {
    const living = this.#processes.filter(({ died }) => !died.signal.aborted);
    const process = living[Math.floor(this.random() * living.length)];
    if (!process) throw new Error('no process lives');
    return process;
  }

  async #killOne(at: number): Promise<void> {
    await this.clock.sleep(at);
    const doomed = this.#anyProcess();
    this.#processes = [...this.#processes, new Process(this, this.storm)];
    doomed.died.abort();
  }
}
