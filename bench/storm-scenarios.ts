import { setTimeout as delay } from 'node:timers/promises';
import type { LocalPostgres } from '../apps/local/src/postgres/local-postgres.js';
import { postgresChildren, signal } from '../test/chaos/support/kill-postgres.js';
import type { Service } from '../test/support/service.js';

/** What happens besides the storm. */
export interface Scenario {
  readonly name: string;
  /** Share of the people that have an identity, and with `reusesTokens` a valid token. */
  readonly returning: number;
  readonly reusesTokens?: boolean;
  readonly postgresDelayMs?: number;
  /** Share of the deferred that never return. */
  readonly noShowRate?: number;
  readonly floodConnections?: number;
  /** Whether connections break, so that requests get no response and calls to ACS may be repeated. */
  readonly breaksConnections?: boolean;
  /** Runs during the storm. */
  readonly disturb?: (storm: RunningStorm) => Promise<void>;
}

export interface RunningStorm {
  readonly service: Service;
  readonly cluster: LocalPostgres;
  /** When the disturbance starts. */
  readonly afterMs: number;
  /** Of the replicas that run now. */
  urls: readonly string[];
}

const PAUSE_MS = 5000;

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  first: { name: 'first calls', returning: 0 },
  mixed: { name: 'half first calls, half returning', returning: 0.5 },
  'no-show': { name: 'half of the deferred never return', returning: 0.5, noShowRate: 0.5 },
  flood: { name: 'one more person on 40 connections', returning: 0.5, floodConnections: 40 },
  replicas: {
    name: 'one replica killed, one joining',
    returning: 0.5,
    breaksConnections: true,
    disturb: replaceOne,
  },
  pause: { name: `PostgreSQL paused for ${PAUSE_MS / 1000} s`, returning: 0.5, disturb: pause },
  'delay-1ms': { name: 'PostgreSQL 1 ms away', returning: 0.5, postgresDelayMs: 1 },
  'delay-5ms': { name: 'PostgreSQL 5 ms away', returning: 0.5, postgresDelayMs: 5 },
  reuse: { name: '80 % have a valid token, reuse on', returning: 0.8, reusesTokens: true },
};

async function replaceOne(storm: RunningStorm): Promise<void> {
  await delay(storm.afterMs);
  const killed = storm.service.apis.find(({ url }) => storm.urls.includes(url));
  storm.urls = storm.urls.filter((url) => url !== killed?.url);
  killed?.process.kill('SIGKILL');
  await delay(storm.afterMs);
  storm.urls = [...storm.urls, (await storm.service.addApi()).url];
}

async function pause({ cluster, afterMs }: RunningStorm): Promise<void> {
  await delay(afterMs);
  const processes = [cluster.processId, ...(await postgresChildren(cluster))];
  for (const id of processes) signal(id, 'SIGSTOP');
  await delay(PAUSE_MS);
  for (const id of processes) signal(id, 'SIGCONT');
}
