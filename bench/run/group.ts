import { setTimeout as delay } from 'node:timers/promises';
import { type ContenderKind, contenderKind } from '../contenders/contenders.js';
import { check } from './checks.js';
import type { Load, LoadResult } from './load.js';
import {
  ACS_LATENCY_MS,
  loadSeconds,
  PEAK_CONNECTIONS,
  type PlannedGroup,
  type PlannedLoad,
  titleOf,
} from './plan.js';
import { allCores, cpuMicros, machineCpuMicros } from './process-usage.js';
import type { ContenderHome, Rig } from './rig.js';
import type { RunningContender } from './running-contender.js';
import {
  type ContenderFacts,
  type CountsPerToken,
  medianOf,
  percentilesOf,
  type Sample,
} from './samples.js';
import { StatementCounter } from './statement-counter.js';

const SETTLE_MS = 1_500;
/** What comes first ends the counting. */
const COUNTED_TOKENS = 2_000;
const COUNTING_MS = 5_000;
/** A contender of the group. */
interface Member {
  readonly kind: ContenderKind;
  readonly home: ContenderHome;
  readonly running: RunningContender;
  readonly idleMb: number;
}

/** Starts the contenders of a group, measures them in alternation, checks them and stops them. */
export class Group {
  readonly #samples: Sample[] = [];
  readonly #members: Member[] = [];

  constructor(
    private readonly rig: Rig,
    private readonly plan: PlannedGroup,
    /** Called after a step, with the seconds that it was expected to take. */
    private readonly onProgress: (seconds: number, step: string) => void,
  ) {}

  async run(): Promise<{ readonly samples: readonly Sample[]; readonly facts: ContenderFacts[] }> {
    try {
      for (const name of this.plan.contenders) {
        this.#members.push(await this.#start(contenderKind(name)));
      }
      for (const { running } of this.#members) await this.#warmUp(running);
      for (const load of this.plan.loads) await this.#measureInRounds(load);
      const facts: ContenderFacts[] = [];
      for (const member of this.#members) facts.push(await this.#finish(member));
      return { samples: this.#samples, facts };
    } finally {
      for (const { running } of this.#members) await running.stop();
    }
  }

  async #measureInRounds(load: PlannedLoad): Promise<void> {
    const { standIns } = this.rig;
    await standIns.setLatency('perSecond' in load ? ACS_LATENCY_MS : 0);
    for (let round = 0; round < this.plan.rounds; round += 1) {
      for (const { running } of this.#members) await this.#measure(running, load, round);
    }
    await standIns.setLatency(0);
  }

  async #start(kind: ContenderKind): Promise<Member> {
    const home = await this.rig.newHome(kind);
    const running = await this.rig.startContender(kind, home);
    await delay(SETTLE_MS);
    this.onProgress(3, `${kind.title} is ready`);
    return { kind, home, running, idleMb: running.memory().now };
  }

  /** For as long for each of its processes, each of which has to compile its code. */
  async #warmUp(running: RunningContender): Promise<void> {
    const warmUpSeconds = this.plan.warmUpSeconds * (running.kind.replicas ?? 1);
    await this.rig.standIns.prepare(2_000);
    await this.#load(running, {
      urls: running.urls,
      loop: { connections: PEAK_CONNECTIONS },
      durationMs: warmUpSeconds * 1000,
    });
    this.onProgress(warmUpSeconds, `${running.kind.title} is warm`);
  }

  async #measure(running: RunningContender, load: PlannedLoad, round: number): Promise<void> {
    const wholeLoad = await this.#loadOf(running, load);
    const before = await running.usage();
    const machine = machineCpuMicros();
    const own = cpuMicros(this.#ownProcesses());
    const startedAt = performance.now();
    const result = await this.#load(running, wholeLoad);
    const elapsedMicros = (performance.now() - startedAt) * 1000;
    const foreign = machineCpuMicros() - machine - (cpuMicros(this.#ownProcesses()) - own);
    const after = await running.usage();
    const tokens = result.receipts.length;
    this.#samples.push({
      contender: running.kind.name,
      load: titleOf(load) + (this.plan.suffix ?? ''),
      round,
      tokens,
      tokensPerSecond: (tokens * 1000) / result.durationMs,
      serviceMicros: (after.service - before.service) / tokens,
      postgresMicros: (after.backends - before.backends) / tokens,
      otherPostgresMicros: (after.otherPostgres - before.otherPostgres) / tokens,
      walBytes: (after.walBytes - before.walBytes) / tokens,
      latencyMs: percentilesOf(result.latenciesMs),
      failures: result.failures,
      generatorShare: result.generatorShare,
      foreignShare: Math.max(0, foreign) / elapsedMicros / allCores().length,
    });
    this.onProgress(
      loadSeconds(load),
      `${running.kind.title}, ${titleOf(load)}, round ${round + 1}`,
    );
  }

  async #loadOf({ kind, urls }: RunningContender, load: PlannedLoad): Promise<Load> {
    const { standIns } = this.rig;
    if ('firstCalls' in load) {
      await standIns.prepare(load.firstCalls);
      const bearers = await standIns.newPeople(load.firstCalls);
      const loop = { connections: PEAK_CONNECTIONS };
      return { urls, loop, bearers, tokens: load.firstCalls };
    }
    const durationMs = load.seconds * 1000;
    if ('connections' in load) return { urls, loop: load, durationMs };
    const perSecond = load.perSecond === 'half' ? this.#peakOf(kind.name) / 2 : load.perSecond;
    return { urls, loop: { perSecond }, durationMs };
  }

  /** Tokens a second of the closed loop so far. */
  #peakOf(name: string): number {
    const samples = this.#samples;
    const peak = titleOf({ connections: PEAK_CONNECTIONS, seconds: 0 });
    return medianOf({ samples }, name, peak, ({ tokensPerSecond }) => tokensPerSecond);
  }

  async #load(running: RunningContender, load: Load): Promise<LoadResult> {
    const result = await this.rig.generator.run(load);
    for (const receipt of result.receipts) running.receipts.push(receipt);
    return result;
  }

  /** Stops a contender, counts its statements in new processes, checks its entries. */
  async #finish(member: Member): Promise<ContenderFacts> {
    const { kind, running, home, idleMb } = member;
    const { database, environment } = home;
    const { peak } = running.memory();
    await running.stop();
    const counter = await StatementCounter.start(this.rig.postgres.port);
    const counted = await this.rig.startContender(kind, {
      environment,
      database: {
        ...database,
        ownerUrl: counter.urlOf(database.ownerUrl),
        serviceUrl: counter.urlOf(database.serviceUrl),
      },
    });
    // One by one: there are more than a call can have arguments.
    for (const receipt of running.receipts) counted.receipts.push(receipt);
    const perToken = await this.#countPerToken(counted, counter);
    const checked = await check(counted, { ...environment, DATABASE_URL: database.serviceUrl });
    await counted.stop();
    await counter.stop();
    await database.close();
    this.onProgress(3, `${kind.title} is checked`);
    const { name, title, replicas = 1 } = kind;
    const { readyAfterMs } = running;
    return { name, title, replicas, readyAfterMs, idleMb, peakMb: peak, perToken, checked };
  }

  async #countPerToken(
    running: RunningContender,
    counter: StatementCounter,
  ): Promise<CountsPerToken> {
    const load = {
      urls: running.urls,
      loop: { connections: PEAK_CONNECTIONS },
      tokens: COUNTED_TOKENS,
      durationMs: COUNTING_MS,
    };
    await this.#load(running, load);
    counter.take();
    const { receipts } = await this.#load(running, load);
    const counts = Object.entries(counter.take()).map(
      ([name, count]) => [name, count / receipts.length] as const,
    );
    return Object.fromEntries(counts) as unknown as CountsPerToken; // of the same names
  }

  #ownProcesses(): number[] {
    return [...this.rig.processIds, ...this.#members.flatMap(({ running }) => running.processIds)];
  }
}
