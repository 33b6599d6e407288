import { Registry } from 'prom-client';
import { Clock } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { BudgetExhausted } from '../errors.js';
import { BudgetMetrics } from '../metrics.js';
import type { BudgetRequest } from '../request-budget.js';
import { SharedRequestBudget } from '../shared-request-budget.js';
import { WindowStore } from '../window/window-store.js';
import { MemoryWindowStore } from './memory-window-store.js';
import { prng } from './prng.js';
import { StormClock } from './storm-clock.js';
import {
  type Balancing,
  type Deferral,
  fairness,
  maxPerWindow,
  retryAfterAccuracy,
  shortestMs,
  type Visit,
} from './storm-measures.js';

/** A login storm to simulate in virtual time, with the delays of real machines and networks. */
export interface SimulatedStorm {
  readonly seed: number;
  readonly limit: number;
  readonly windowMs: number;
  readonly maxWaitMs: number;
  readonly replicas: number;
  readonly balancing: Balancing;
  /** Number of clients of each tenant. */
  readonly tenants: readonly number[];
  /** Duration of calls to ACS. */
  readonly callMs: { readonly min: number; readonly typical: number; readonly max: number };
  /** Share of deferred clients that never return. */
  readonly noShowRate?: number;
  /** Connections of one more client of the first tenant that repeats its request until all others are served. */
  readonly floodConnections?: number;
  /** When a replica crashes. Its clients repeat their requests at another one. */
  readonly crashesAtMs?: readonly number[];
}

export interface SimulatedVisit extends Visit {
  /** How many requests a crash ended. */
  readonly crashes: number;
}

export interface StormOutcome {
  /** Of all clients but the no-shows. */
  readonly visits: readonly SimulatedVisit[];
  readonly served: number;
  /** Clients that were deferred and didn't return. */
  readonly noShows: number;
  readonly totalMs: number;
  /** What the same calls take when each permit is used from the moment it is free. */
  readonly shortestMs: number;
  /** Calls that reached ACS. */
  readonly calls: number;
  /** Those of the client with many connections. */
  readonly floodCalls: number;
  readonly maxPerWindow: number;
  /** Clients that were deferred at least once. */
  readonly deferred: number;
  /** Within 20 %. */
  readonly retryAfterAccuracy: number;
  /** Jain's index when a quarter, half and three quarters were served. */
  readonly fairness: readonly number[];
  readonly reconciliations: number;
}

/** Clients send their first requests within this time. */
const ARRIVALS_MS = 4000;
/** Maximum delay of a response, and of a client's return after `Retry-After`. */
const MAX_CLIENT_DELAY_MS = 500;
/** Replicas pause now and then, as for a garbage collection. */
const STALL = { meanIntervalMs: 5000, maxMs: 700 };
/** The way to the store and back, and the time under its lock. */
const STORE = { maxLatencyMs: 145, maxLockedMs: 10 };
const ISSUE = { resource: 'default', operation: 'issue' } as const;

/** Runs the storm until every client was served or did not return. */
export async function simulate(storm: SimulatedStorm): Promise<StormOutcome> {
  const simulation = new Simulation(storm);
  const clients = storm.tenants
    .flatMap((size, tenant) => Array.from({ length: size }, () => `tenant ${tenant}`))
    .map((tenant, number) => ({ tenant, number, order: simulation.random() }))
    .toSorted((a, b) => a.order - b.order);
  const all = Promise.all(clients.map(async (client) => simulation.visit(client)));
  void simulation.flood(all);
  const results = await simulation.clock.run(all);
  const visits = results.filter((visit): visit is SimulatedVisit => visit !== undefined);
  return {
    visits,
    served: visits.length,
    noShows: results.length - visits.length,
    totalMs: Math.max(...visits.map(({ servedAtMs = 0 }) => servedAtMs)),
    shortestMs: shortestMs(simulation.callDurations, storm),
    calls: simulation.arrivals.length,
    floodCalls: simulation.floodCalls,
    maxPerWindow: maxPerWindow(simulation.arrivals, storm.windowMs),
    deferred: visits.filter(({ deferrals }) => deferrals.length > 0).length,
    retryAfterAccuracy: retryAfterAccuracy(visits, 0.2),
    fairness: [0.25, 0.5, 0.75].map((share) => fairness(visits, share)),
    reconciliations: simulation.reconciliations,
  };
}

/** The mean duration of a simulated call to ACS. */
export function meanCallMs({ min, typical, max }: SimulatedStorm['callMs']): number {
  const scale = typical - min;
  return min + scale * (1 - Math.exp((min - max) / scale));
}

/** One replica and its view of the time: it stalls now and then, and may crash. */
class SimulatedReplica extends Clock {
  readonly budget: SharedRequestBudget;
  readonly crashed = new AbortController();
  #stalledUntil = 0;

  constructor(
    private readonly simulation: Simulation,
    { limit, windowMs, maxWaitMs, callMs }: SimulatedStorm,
  ) {
    super();
    const limits = {
      ...{ create: limit, createWithToken: limit, issue: limit },
      ...{ revoke: limit, delete: limit, exchange: limit },
      ...{
        assign: limit,
        readAssignment: limit,
        unassign: limit,
        exchangeTeamsExtension: limit,
        exchangeEntra: limit,
      },
    };
    const timeoutMs = callMs.max + 1000;
    const settings = { limits, windowMs, maxWaitMs, requesterShare: 0.05, timeoutMs };
    this.budget = new SharedRequestBudget(new RemoteWindowStore(simulation, this), settings, {
      clock: this,
      logger: new MemoryLogger(),
      metrics: new BudgetMetrics(new Registry()),
      random: simulation.random,
    });
    void this.#stallRepeatedly();
  }

  now(): number {
    return this.simulation.clock.now();
  }

  monotonicNow(): number {
    return this.simulation.clock.monotonicNow();
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.simulation.clock.sleep(delayMs, signal);
    await this.untilRunning();
  }

  /** Resolves when the replica is not stalled; never once it crashed. */
  async untilRunning(): Promise<void> {
    const { clock } = this.simulation;
    while (this.#stalledUntil > clock.now()) await clock.sleep(this.#stalledUntil - clock.now());
    if (this.crashed.signal.aborted) await new Promise(() => undefined);
  }

  async #stallRepeatedly(): Promise<void> {
    const { clock, random } = this.simulation;
    while (!this.crashed.signal.aborted) {
      await clock.sleep(2 * STALL.meanIntervalMs * random());
      this.#stalledUntil = clock.now() + STALL.maxMs * random();
    }
  }
}

/** The shared store as one replica reaches it: over a network, and one update after the other. */
class RemoteWindowStore extends WindowStore {
  constructor(
    private readonly simulation: Simulation,
    private readonly replica: SimulatedReplica,
  ) {
    super();
  }

  override update: WindowStore['update'] = async (...change) => {
    const { clock, random } = this.simulation;
    await clock.sleep(2 + STORE.maxLatencyMs * random());
    const result = await this.simulation.locked(async () => {
      await clock.sleep(1 + STORE.maxLockedMs * random());
      return this.simulation.store.update(...change);
    });
    await clock.sleep(2 + STORE.maxLatencyMs * random());
    await this.replica.untilRunning();
    return result;
  };
}

/** The clock, the replicas, the store and ACS of one storm. */
class Simulation {
  readonly clock = new StormClock();
  readonly random: () => number;
  readonly store: MemoryWindowStore;
  /** When calls reached ACS. */
  readonly arrivals: number[] = [];
  /** Of the same calls, in ms. */
  readonly callDurations: number[] = [];
  reconciliations = 0;
  floodCalls = 0;
  #lock: Promise<unknown> = Promise.resolve();
  #replicas: SimulatedReplica[];

  constructor(private readonly storm: SimulatedStorm) {
    this.random = prng(storm.seed);
    this.store = new MemoryWindowStore(this.clock);
    this.#replicas = Array.from(
      { length: storm.replicas },
      () => new SimulatedReplica(this, storm),
    );
    for (const atMs of storm.crashesAtMs ?? []) void this.#replaceOne(atMs);
  }

  async locked<T>(work: () => Promise<T>): Promise<T> {
    this.reconciliations += 1;
    const result = this.#lock.then(work);
    this.#lock = result.catch(() => undefined);
    return result;
  }

  /** One client, from its first request until it is served. @returns `undefined` for a no-show */
  async visit(client: { tenant: string; number: number }): Promise<SimulatedVisit | undefined> {
    const { tenant, number } = client;
    const { clock, random, storm } = this;
    const deferrals: Deferral[] = [];
    let crashes = 0;
    let replica = this.#anyReplica();
    await clock.sleep(ARRIVALS_MS * random());
    for (;;) {
      if (storm.balancing === 'request' || replica.crashed.signal.aborted) {
        replica = this.#anyReplica();
      }
      const requester = `client ${number}`;
      const answer = await this.#request(replica, { tenant, clientApp: 'app', requester });
      await clock.sleep(MAX_CLIENT_DELAY_MS * random());
      if (answer === 'served') return { tenant, servedAtMs: clock.now(), deferrals, crashes };
      if (answer === 'crashed') {
        crashes += 1;
        continue;
      }
      deferrals.push({ atMs: clock.now(), seconds: answer });
      if (random() < (storm.noShowRate ?? 0)) return undefined;
      await clock.sleep(answer * 1000 + MAX_CLIENT_DELAY_MS * random());
    }
  }

  /** One client on many connections, each of which repeats the request at once when it was served. */
  async flood(others: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    void others.finally(() => {
      over.abort();
    });
    const client = { tenant: 'tenant 0', clientApp: 'app', requester: 'flood' };
    const connection = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const answer = await this.#request(this.#anyReplica(), client);
        if (answer === 'served') this.floodCalls += 1;
        await this.clock.sleep(typeof answer === 'number' ? answer * 1000 : 10);
      }
    };
    const { floodConnections = 0 } = this.storm;
    await Promise.all(Array.from({ length: floodConnections }, connection));
  }

  async #request(
    replica: SimulatedReplica,
    client: Pick<BudgetRequest, 'tenant' | 'clientApp' | 'requester'>,
  ): Promise<'served' | 'crashed' | number> {
    const crash = new Promise<'crashed'>((resolve) => {
      replica.crashed.signal.addEventListener('abort', () => {
        resolve('crashed');
      });
    });
    return Promise.race([crash, this.#serve(replica, client)]);
  }

  async #serve(
    replica: SimulatedReplica,
    client: Pick<BudgetRequest, 'tenant' | 'clientApp' | 'requester'>,
  ): Promise<'served' | number> {
    try {
      await replica.untilRunning();
      const permit = await replica.budget.acquire({ ...client, ...ISSUE });
      await replica.untilRunning();
      const durationMs = this.#callMs();
      this.callDurations.push(durationMs);
      const arrivesAfter = this.random();
      await this.clock.sleep(arrivesAfter * durationMs);
      this.arrivals.push(this.clock.now());
      await this.clock.sleep((1 - arrivesAfter) * durationMs);
      await replica.untilRunning();
      permit.release();
      return 'served';
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      return error.retryAfterSeconds ?? 0;
    }
  }

  /** Exponentially distributed above the minimum. */
  #callMs(): number {
    const { min, typical, max } = this.storm.callMs;
    return Math.min(max, min - (typical - min) * Math.log(1 - this.random()));
  }

  #anyReplica(): SimulatedReplica {
    const running = this.#replicas.filter(({ crashed }) => !crashed.signal.aborted);
    const replica = running[Math.floor(this.random() * running.length)];
    if (!replica) throw new Error('no replica is running');
    return replica;
  }

  async #replaceOne(atMs: number): Promise<void> {
    await this.clock.sleep(atMs);
    const crashing = this.#anyReplica();
    this.#replicas = [...this.#replicas, new SimulatedReplica(this, this.storm)];
    crashing.crashed.abort();
  }
}
