/**
 * A login storm at the real size of ACS's limits, with the service's default settings.
 *
 *   npm run bench:storm -- [--people 5000] [--limit 1000] [--window-ms 30000]
 *     [--balancing connection|request] [--only <scenario>,…] [--lenient]
 *
 * Scenarios, each with a service and people of its own:
 *   first      nobody has an identity
 *   mixed      half of the people have an identity; so in all scenarios below
 *   no-show    half of the deferred never return
 *   flood      one more person repeats its request on 40 connections
 *   replicas   one replica is killed, and another one joins
 *   pause      PostgreSQL is stopped for 5 s
 *   delay-1ms, delay-5ms   each message to and from PostgreSQL takes that long
 *   reuse      80 % have a token that is still valid, and the policy allows its reuse
 *   naive      ACS's SDK behind plain HTTP, without a request budget
 *
 * ACS is the emulator with the documented limits; refused calls count too. `--lenient` leaves out
 * what depends on the load of the machine: total, Retry-After and fairness.
 *
 * Checks the measured results and exits with 1 when a goal is missed. With all scenarios it writes
 * bench/results/storm.md.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { randomUUID } from 'node:crypto';
import type { Balancing } from '#libs/request-budget/testing';
import { BUILT_IN_POLICY } from '#libs/token-issuance';
import { relaxedTimeouts, Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { machine } from './figures.js';
import { crowdInWorker } from './storm-client.js';
import { crowd, type CrowdVisit, flood } from './storm-crowd.js';
import { startNaivePeer } from './storm-naive.js';
import { delayDatabase } from './storm-delay.js';
import { peopleFor, type Person, personOf, TENANTS } from './storm-people.js';
import { type AcsCalls, measure, stormReport, type StormResult } from './storm-report.js';
import { type RunningStorm, type Scenario, SCENARIOS } from './storm-scenarios.js';
import { benchmarkOptions, exitAfterMisuse } from './options.js';

const ALL = [...Object.keys(SCENARIOS), 'naive'];
const options = benchmarkOptions(import.meta.url, {
  ...{ people: 5000, limit: 1000, 'window-ms': 30_000, only: ALL.join(',') },
  ...{ balancing: 'connection', lenient: false },
});
const { limit, 'window-ms': windowMs, people: count } = options;
const balancing: Balancing = options.balancing === 'request' ? 'request' : 'connection';
const selected = options.only.split(',');
const REPLICAS = 3;
const limits = {
  ...{ create: limit, createWithToken: limit, issue: limit },
  ...{ revoke: limit, delete: limit, exchange: limit },
};

for (const id of selected) {
  if (!ALL.includes(id)) exitAfterMisuse(import.meta.url, `'${id}' is none of ${ALL.join(', ')}`);
}
if (!['connection', 'request'].includes(options.balancing)) {
  exitAfterMisuse(import.meta.url, '--balancing is connection or request');
}
const directory = await mkdtemp(join(tmpdir(), 'acs-identity-storm-'));
const reusePolicy = join(directory, 'policy.yaml');
await writeFile(reusePolicy, BUILT_IN_POLICY.replace('teamsTokens: true', 'reuse: true'));
const cluster = await startTestCluster(true);
const results: StormResult[] = [];
try {
  for (const id of selected) {
    const scenario = SCENARIOS[id];
    const result = await withService(
      scenario?.reusesTokens ? { POLICY_FILE: reusePolicy } : {},
      async (service) => (scenario ? storm(scenario, service) : naive(service)),
    );
    console.error(`${result.name}: ${(result.totalMs / 1000).toFixed(1)} s`);
    results.push(result);
  }
} finally {
  await cluster.remove();
  await rm(directory, { recursive: true, force: true });
}
const report = stormReport(results, {
  command: `npm run bench:storm -- --people ${count} --limit ${limit} --window-ms ${windowMs} --balancing ${balancing} --only ${options.only}`,
  machine: machine(),
  ...{ limit, windowMs, count, balancing, replicas: REPLICAS, isLenient: options.lenient },
});
console.log(report.text);
if (selected.length === ALL.length) await writeFile('bench/results/storm.md', report.text);
process.exitCode = report.missed.length === 0 ? 0 : 1;
for (const goal of report.missed) console.error(`missed: ${goal}`);

/** Starts a service without replicas; its settings are the defaults, but for scaled limits. */
async function withService(
  environment: Readonly<Record<string, string>>,
  run: (service: Service) => Promise<StormResult>,
): Promise<StormResult> {
  const service = await Service.start({
    cluster,
    replicas: 0,
    environment: {
      ...Object.fromEntries(Object.keys(relaxedTimeouts).map((name) => [name, undefined])),
      LOG_LEVEL: 'info',
      ENTRA_ALLOWED_TENANT_IDS: TENANTS.join(','),
      ACS_BUDGET_WINDOW_MS: String(windowMs),
      ...budget(limit),
      ...environment,
    },
    emulator: {
      acs: {
        ...{ limits, windowSeconds: windowMs / 1000, countRefused: true },
        ...{ latencyMs: 40, signingKeyBits: 1024 },
      },
    },
  });
  try {
    return await run(service);
  } finally {
    await service.stop();
  }
}

async function storm(scenario: Scenario, service: Service): Promise<StormResult> {
  const { returning, postgresDelayMs, noShowRate = 0, floodConnections, disturb } = scenario;
  const people = await peopleFor(service, count);
  const before = people.filter((_person, nth) => nth % 10 < returning * 10);
  if (before.length > 0) await serveBefore(service, before);
  const { serviceUrl } = service.database;
  const distant = postgresDelayMs
    ? await delayDatabase({
        ...{ targetPort: cluster.port, delayMs: postgresDelayMs },
        databaseUrl: serviceUrl,
      })
    : undefined;
  try {
    const running: RunningStorm = {
      ...{ service, cluster },
      afterMs: windowMs / 3,
      urls: await replicas(service, { DATABASE_URL: distant?.url ?? serviceUrl }),
    };
    await warmUp(service, running.urls);
    // Until the calls before no longer count against the limits.
    await delay(windowMs * 1.5);
    const since = await newest(service);
    const over = new AbortController();
    const options = { urls: () => running.urls, balancing, noShowRate };
    const flooding =
      floodConnections === undefined
        ? undefined
        : flood(await personOf(service), options.urls, {
            connections: floodConnections,
            signal: over.signal,
          });
    const [{ visits, totalMs }] = await Promise.all([
      crowdInWorker(people, options),
      disturb?.(running),
    ]);
    const calls = await acsCalls(service, since);
    over.abort();
    await checkAudit(service, visits);
    return measure(visits, { scenario, totalMs, calls, limit, floodCalls: await flooding });
  } finally {
    await Promise.all(service.apis.map(async (api) => api.stop()));
    await distant?.stop();
  }
}

async function naive(service: Service): Promise<StormResult> {
  const { caPem, acsResources } = service.emulator;
  setDefaultCACertificates([...getCACertificates('default'), caPem]);
  const peer = await startNaivePeer(acsResources[0]?.connectionString ?? '');
  const since = await newest(service);
  try {
    const once = await Promise.all(
      Array.from({ length: count }, async () => {
        const startedAt = performance.now();
        const status = await fetch(peer.url, { method: 'POST' }).then(
          (response) => response.status,
          () => 0,
        );
        return { status, tookMs: performance.now() - startedAt };
      }),
    );
    return {
      name: 'naive: the SDK alone',
      people: count,
      served: once.filter(({ status }) => status === 200).length,
      totalMs: Math.max(...once.map(({ tookMs }) => tookMs)),
      neededPerLimit: count,
      calls: await acsCalls(service, since),
    };
  } finally {
    await peer.stop();
  }
}

/** These people get an identity and a token, while ACS has no limits. */
async function serveBefore(service: Service, people: readonly Person[]): Promise<void> {
  await service.emulator.control.changeAcs({ limits: 'off', latencyMs: 0 });
  const early = await service.addApi(budget(1_000_000));
  for (let from = 0; from < people.length; from += 50) {
    await crowd(people.slice(from, from + 50), { urls: () => [early.url] });
  }
  await early.stop();
  await service.emulator.control.changeAcs({ limits, latencyMs: 40 });
}

/** Each replica serves people of its own, so that its code is compiled as that of one in use. */
async function warmUp(service: Service, urls: readonly string[]): Promise<void> {
  await service.emulator.control.changeAcs({ limits: 'off' });
  for (const url of urls) {
    const people = await peopleFor(service, Math.floor((0.9 * limit) / urls.length));
    for (let round = 0; round < 2; round += 1) {
      for (let from = 0; from < people.length; from += 20) {
        await crowd(people.slice(from, from + 20), { urls: () => [url] });
      }
    }
  }
  await service.emulator.control.changeAcs({ limits });
}

/** @throws unless every issued token has its entry in the log, under the id and index of its response */
async function checkAudit(service: Service, visits: readonly CrowdVisit[]): Promise<void> {
  const entries = await service.auditEntries();
  for (const { auditEntry, servedAtMs } of visits) {
    if (servedAtMs === undefined) continue;
    const entry = entries[auditEntry?.index ?? -1];
    const isRecorded =
      entry?.id === auditEntry?.id &&
      entry?.outcome === 'success' &&
      /^token\.(issue|reuse)$/.test(entry.action);
    if (!isRecorded) throw new Error('a token was issued without its audit entry');
  }
}

async function replicas(
  service: Service,
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const urls: string[] = [];
  for (let n = 0; n < REPLICAS; n += 1) urls.push((await service.addApi(environment)).url);
  // Each replica loads the tenants' keys before the storm, as replicas in use have.
  const strangers = await Promise.all(
    TENANTS.map(async (tenant) =>
      service.emulator.control.mintToken({ tenant, claims: { oid: randomUUID(), scp: 'None' } }),
    ),
  );
  for (const url of urls) {
    for (const bearer of strangers) {
      await fetch(`${url}/v1/me/identity`, { headers: { authorization: `Bearer ${bearer}` } });
    }
  }
  return urls;
}

async function newest(service: Service): Promise<number> {
  return (await service.emulator.control.readJournal({ service: 'acs' })).at(-1)?.sequence ?? 0;
}

async function acsCalls(service: Service, since: number): Promise<AcsCalls> {
  const entries = await service.emulator.control.readJournal({ service: 'acs', since });
  return {
    made: entries.length,
    throttled: entries.filter(({ status }) => status === 429).length,
  };
}

function budget(calls: number): Record<string, string> {
  return Object.fromEntries(
    ['CREATE', 'CREATE_WITH_TOKEN', 'ISSUE', 'REVOKE', 'DELETE', 'EXCHANGE'].map((operation) => [
      `ACS_BUDGET_${operation}`,
      String(calls),
    ]),
  );
}
