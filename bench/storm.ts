/**
 * A login storm: ten times as many requests at once as ACS serves in a window.
 *
 *   npm run bench:storm -- [--limit 60] [--window-ms 30000] [--times 10] [--rounds 1]
 *     [--balancing connection|request] [--only new,returning,naive] [--lenient]
 *
 * `new`: people without an identity, over three api processes, against the emulator with ACS's
 * limits scaled to the window; ten tenants of unequal size.
 * `returning`: the same with reuse, when 80 % have a token that is still valid.
 * `naive`: ACS's SDK behind plain HTTP, without a request budget.
 *
 * `--lenient` leaves out what depends on the load of the machine: total, Retry-After and fairness.
 *
 * Checks the measured results, writes bench/results/storm.md, and exits with 1 when a goal is missed.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { parseArgs } from 'node:util';
import { fairness, retryAfterAccuracy } from '#libs/request-budget/testing';
import { BUILT_IN_POLICY } from '#libs/token-issuance';
import { startTestCluster } from '../test/support/test-cluster.js';
import { Service } from '../test/support/service.js';
import { machine } from './figures.js';
import { crowd, type CrowdVisit, type Person } from './storm-crowd.js';
import { startNaivePeer } from './storm-naive.js';
import { stormReport, type StormResult } from './storm-report.js';

const { values } = parseArgs({
  options: {
    limit: { type: 'string', default: '60' },
    'window-ms': { type: 'string', default: '30000' },
    times: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string', default: 'new,returning,naive' },
    balancing: { type: 'string', default: 'connection' },
    lenient: { type: 'boolean', default: false },
  },
});
const limit = Number(values.limit);
const windowMs = Number(values['window-ms']);
const count = limit * Number(values.times);
const balancing = values.balancing === 'request' ? 'request' : 'connection';
const parts = new Set(values.only.split(','));
const REPLICAS = 3;
const RETURNING_SHARE = 0.8;
/** Relative sizes of the ten tenants. */
const TENANT_SIZES = [1, 2, 3, 5, 8, 11, 14, 16, 18, 22];
const tenants = TENANT_SIZES.map(() => randomUUID());
const limits = {
  ...{ create: limit, createWithToken: limit, issue: limit },
  ...{ revoke: limit, delete: limit, exchange: limit },
};
const budget = (calls: number): Record<string, string> =>
  Object.fromEntries(
    ['CREATE', 'CREATE_WITH_TOKEN', 'ISSUE', 'REVOKE', 'DELETE', 'EXCHANGE'].map((operation) => [
      `ACS_BUDGET_${operation}`,
      String(calls),
    ]),
  );

const directory = await mkdtemp(join(tmpdir(), 'acs-identity-storm-'));
const reusePolicy = join(directory, 'policy.yaml');
await writeFile(reusePolicy, BUILT_IN_POLICY.replace('teamsTokens: true', 'reuse: true'));
const cluster = await startTestCluster(true);
const results: StormResult[] = [];
try {
  for (let round = 0; round < Number(values.rounds); round += 1) {
    if (parts.has('new')) results.push(await withService({}, newPeople));
    if (parts.has('returning')) {
      results.push(await withService({ POLICY_FILE: reusePolicy }, returningPeople));
    }
    if (parts.has('naive')) results.push(await withService({}, naive));
  }
} finally {
  await cluster.remove();
  await rm(directory, { recursive: true, force: true });
}
const report = stormReport(results, {
  command: `npm run bench:storm -- --limit ${limit} --window-ms ${windowMs} --times ${values.times} --rounds ${values.rounds} --balancing ${balancing}`,
  machine: machine(),
  ...{ limit, windowMs, count, balancing, replicas: REPLICAS, isLenient: values.lenient },
});
console.log(report.text);
if (parts.size === 3) await writeFile('bench/results/storm.md', report.text);
process.exitCode = report.missed.length === 0 ? 0 : 1;
for (const goal of report.missed) console.error(`missed: ${goal}`);

async function withService(
  environment: Readonly<Record<string, string>>,
  storm: (service: Service) => Promise<StormResult>,
): Promise<StormResult> {
  const service = await Service.start({
    cluster,
    replicas: 0,
    environment: {
      LOG_LEVEL: 'info',
      ENTRA_ALLOWED_TENANT_IDS: tenants.join(','),
      ACS_BUDGET_WINDOW_MS: String(windowMs),
      ...budget(limit),
      ...environment,
    },
    emulator: {
      acs: { limits, windowSeconds: windowMs / 1000, latencyMs: 40, signingKeyBits: 1024 },
    },
  });
  try {
    return await storm(service);
  } finally {
    await service.stop();
  }
}

async function newPeople(service: Service): Promise<StormResult> {
  const people = await peopleFor(service);
  const urls = await replicas(service);
  return measured('new people', service, people, urls, count);
}

/** Four of five got a token before, when ACS had no limits. */
async function returningPeople(service: Service): Promise<StormResult> {
  const people = await peopleFor(service);
  await service.emulator.control.changeAcs({ limits: 'off', latencyMs: 0 });
  const early = await service.addApi(budget(1_000_000));
  const before = people.filter((_person, nth) => nth % 10 < RETURNING_SHARE * 10);
  for (let from = 0; from < before.length; from += 50) {
    await crowd(before.slice(from, from + 50), [early.url]);
  }
  await early.stop();
  await service.emulator.control.changeAcs({ limits, latencyMs: 40 });
  const urls = await replicas(service);
  // Until those calls no longer count against the budget.
  await delay(windowMs * 1.5);
  return measured('80 % returning, reuse on', service, people, urls, count - before.length);
}

async function naive(service: Service): Promise<StormResult> {
  const { caPem, acsResources } = service.emulator;
  setDefaultCACertificates([...getCACertificates('default'), caPem]);
  const peer = await startNaivePeer(acsResources[0]?.connectionString ?? '');
  const people = await peopleFor(service);
  const since = await newest(service);
  try {
    const once = await Promise.all(
      people.map(async ({ tenant }) => {
        const startedAt = performance.now();
        const { status } = await fetch(peer.url, { method: 'POST' });
        return { tenant, status, tookMs: performance.now() - startedAt };
      }),
    );
    const calls = await acsCalls(service, since);
    const served = once.filter(({ status }) => status === 200);
    return {
      name: 'naive: the SDK alone',
      people: people.length,
      served: served.length,
      totalMs: Math.max(...once.map(({ tookMs }) => tookMs)),
      needed: people.length,
      ...calls,
    };
  } finally {
    await peer.stop();
  }
}

async function measured(
  name: string,
  service: Service,
  people: readonly Person[],
  urls: readonly string[],
  needed: number,
): Promise<StormResult> {
  const since = await newest(service);
  const { visits, totalMs } = await crowd(people, urls, balancing);
  const calls = await acsCalls(service, since);
  const served = visits.filter(({ servedAtMs }) => servedAtMs !== undefined);
  await checkAudit(service, served);
  return {
    name,
    people: people.length,
    served: served.length,
    totalMs,
    needed,
    ...calls,
    budgeted: {
      faults: visits.flatMap(({ faults }) => faults),
      deferred: visits.filter(({ deferrals }) => deferrals.length > 0).length,
      deferredAgain: visits.filter(({ deferrals }) => deferrals.length > 1).length,
      retryAfterAccuracy: retryAfterAccuracy(visits, 0.2),
      ...(needed === people.length && {
        fairness: [0.25, 0.5, 0.75].map((share) => fairness(visits, share)),
      }),
    },
  };
}

/** @throws unless every issued token has its entry in the log, under the id and index of its response */
async function checkAudit(service: Service, served: readonly CrowdVisit[]): Promise<void> {
  const entries = await service.auditEntries();
  for (const { auditEntry } of served) {
    const entry = entries[auditEntry?.index ?? -1];
    const isRecorded =
      entry?.id === auditEntry?.id &&
      entry?.outcome === 'success' &&
      /^token\.(issue|reuse)$/.test(entry.action);
    if (!isRecorded) throw new Error('a token was issued without its audit entry');
  }
}

async function replicas(service: Service): Promise<string[]> {
  const urls: string[] = [];
  for (let n = 0; n < REPLICAS; n += 1) urls.push((await service.addApi()).url);
  // Each replica loads the tenants' keys before the storm, as replicas in use have.
  const strangers = await Promise.all(
    tenants.map(async (tenant) =>
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

async function peopleFor(service: Service): Promise<Person[]> {
  const total = TENANT_SIZES.reduce((sum, size) => sum + size, 0);
  const tenantOfEach = TENANT_SIZES.flatMap((size, nth) =>
    Array.from({ length: Math.round((size / total) * count) }, () => tenants[nth] ?? ''),
  );
  while (tenantOfEach.length < count) tenantOfEach.push(tenants.at(-1) ?? '');
  const people: Person[] = [];
  for (const tenant of tenantOfEach.slice(0, count)) {
    const oid = randomUUID();
    const claims = { oid, sub: oid };
    people.push({ tenant, bearer: await service.emulator.control.mintToken({ tenant, claims }) });
  }
  return shuffled(people);
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

async function newest(service: Service): Promise<number> {
  return (await service.emulator.control.readJournal({ service: 'acs' })).at(-1)?.sequence ?? 0;
}

async function acsCalls(
  service: Service,
  since: number,
): Promise<{ calls: number; throttled: number }> {
  const entries = await service.emulator.control.readJournal({ service: 'acs', since });
  return {
    calls: entries.length,
    throttled: entries.filter(({ status }) => status === 429).length,
  };
}
