/**
 * How fast the audit log is.
 *
 *   npm run bench:audit -- [append] [verify] [reads] [--entries 200000] [--large 1000000]
 *
 * `append`: durable, sequenced, provable appends per second, in turns with a plain batched insert of
 * the same rows into the same tables; medians of the turns and their ratio.
 * `verify`: offline verification of a copied log of `--large` entries.
 * `reads`: search, proof and statistics in a log of 50,000 and of `--large` entries.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { verifyFolder } from '#libs/audit';
import { ManualClock } from '#libs/platform';
import {
  alice,
  EntryRows,
  EntrySearch,
  EntryStatistics,
  issued,
  LogFolder,
  openTestLog,
  openTestReader,
  PlainInserts,
  type TestLog,
} from '../test/campaigns/audit-bench-parts.js';
import { cloneDatabase, startTestCluster } from '../test/environment/cluster.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    entries: { type: 'string', default: '100000' },
    large: { type: 'string', default: '1000000' },
    callers: { type: 'string', default: '1024' },
  },
});
const parts = new Set(positionals.length === 0 ? ['append', 'verify', 'reads'] : positionals);
const callers = Number(values.callers);
const large = Number(values.large);

const cluster = await startTestCluster(true);
const target = { superuserUrl: cluster.url('postgres'), port: cluster.port };
try {
  if (parts.has('append')) await append(Number(values.entries));
  if (parts.has('verify') || parts.has('reads')) await reads();
} finally {
  await cluster.remove();
}

async function append(entries: number): Promise<void> {
  const log = openTestLog((await cloneDatabase(target)).serviceUrl, { queueLimit: 100_000 });
  const other = openTestLog((await cloneDatabase(target)).serviceUrl);
  const plain = new PlainInserts(other.database);
  const results = { log: [] as number[], plain: [] as number[] };
  const ownCpu: number[] = [];
  const backendCpu: number[] = [];
  await flood(20_000, async (nth) => log.trail.record(issued(nth)));
  await flood(20_000, async (nth) => plain.record(issued(nth)));
  for (let turn = 0; turn < 5; turn += 1) {
    const before = { own: process.cpuUsage(), backends: await backendCpuMs(log) };
    results.log.push(await flood(entries, async (nth) => log.trail.record(issued(nth))));
    const { user, system } = process.cpuUsage(before.own);
    ownCpu.push((user + system) / entries);
    backendCpu.push((((await backendCpuMs(log)) - before.backends) * 1000) / entries);
    results.plain.push(await flood(entries, async (nth) => plain.record(issued(nth))));
  }
  const [ours, theirs] = [median(results.log), median(results.plain)];
  console.log(
    `append, ${callers} callers, durable: ${Math.round(ours)}/s (turns ${show(results.log)})`,
  );
  console.log(
    `plain batched insert of the same rows: ${Math.round(theirs)}/s (${show(results.plain)})`,
  );
  console.log(`ratio ${(ours / theirs).toFixed(2)}`);
  console.log(
    `CPU of an append: ${median(ownCpu).toFixed(0)} µs here, ${median(backendCpu).toFixed(0)} µs in PostgreSQL's backends`,
  );
  const alone: number[] = [];
  for (let nth = 0; nth < 500; nth += 1) {
    const startedAt = performance.now();
    await log.trail.record(issued(nth));
    alone.push(performance.now() - startedAt);
  }
  alone.sort((a, b) => a - b);
  console.log(
    `one caller: p50 ${alone[250]?.toFixed(2) ?? ''} ms, p99 ${alone[495]?.toFixed(2) ?? ''} ms`,
  );
  await log.close();
  await other.close();
}

async function reads(): Promise<void> {
  const sizes = parts.has('reads') ? [50_000, large] : [large];
  const logs: { size: number; log: TestLog }[] = [];
  for (const size of sizes) {
    const clock = new ManualClock(Date.now() - 20 * 24 * 3_600_000);
    const log = openTestLog((await cloneDatabase(target)).serviceUrl, {
      clock,
      databaseTimeoutMs: 60_000,
      timeoutMs: 60_000,
    });
    await fill(log, clock, size);
    logs.push({ size, log });
  }
  if (parts.has('reads')) await compareReads(logs);
  for (const { size, log } of logs) {
    if (parts.has('verify') && size === large) await verifyOffline(log);
    await log.close();
  }
}

/** In turns, so that both logs meet the same machine; the first turn warms up. */
async function compareReads(logs: readonly { size: number; log: TestLog }[]): Promise<void> {
  const times = new Map<string, number[][]>();
  for (let turn = 0; turn < 4; turn += 1) {
    for (const [place, { size, log }] of logs.entries()) {
      for (const [name, ms] of await measureReads(log, size)) {
        const samples = times.get(name) ?? [[], []];
        if (turn > 0) samples[place]?.push(ms);
        times.set(name, samples);
      }
    }
  }
  for (const [name, [small = [], big = []]] of times) {
    const ratio = median(big) / median(small);
    console.log(
      `${name}: ${median(small).toFixed(2)} ms at 50000, ${median(big).toFixed(2)} ms at ${large}: ×${ratio.toFixed(2)}`,
    );
  }
}

/** People, applications and tokens at the same rate a day, whatever the size. */
async function fill(log: TestLog, clock: ManualClock, size: number): Promise<void> {
  const startedAt = performance.now();
  const perCommit = 1000;
  for (let done = 0; done < size; done += perCommit) {
    const events = Array.from({ length: perCommit }, (_, nth) => {
      const number = done + nth;
      const event = issued(number, { ...alice, subject: `person-${number % 5000}` });
      return number % 50 === 7
        ? { ...event, outcome: 'denied' as const, reason: { code: 'policy-refused' } }
        : event;
    });
    await log.trail.recordAll(events);
    await clock.advance(Math.floor((20 * 24 * 3_600_000 * perCommit) / Math.max(size, 1)));
  }
  const statistics = new EntryStatistics(log.database);
  while (await statistics.rollUp());
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`filled ${size} entries in ${seconds.toFixed(0)} s`);
}

async function measureReads(log: TestLog, size: number): Promise<Map<string, number>> {
  const rows = new EntryRows(log.database);
  const search = new EntrySearch(log.database, rows);
  const statistics = new EntryStatistics(log.database);
  const reader = openTestReader(log);
  const from = new Date(log.clock.now() - 10 * 24 * 3_600_000);
  const to = new Date(log.clock.now() - 2 * 24 * 3_600_000);
  const deep = Math.floor(size / 2);
  const cases: [string, (nth: number) => Promise<unknown>][] = [
    ['newest page', async () => search.find({ limit: 50 })],
    ['page in the middle', async () => search.find({ limit: 50, before: deep })],
    ['by person', async (nth) => search.find({ limit: 5, actorSubject: `person-${nth % 5000}` })],
    ['by outcome in a window', async () => search.find({ limit: 50, outcome: 'denied', from, to })],
    ['by reason text', async () => search.find({ limit: 50, reasonCode: 'policy-refused' })],
    [
      'by address',
      async (nth) => search.find({ limit: 50, clientAddress: `203.0.113.${nth % 256}` }),
    ],
    [
      'by fingerprint',
      async (nth) => search.find({ limit: 1, fingerprint: issued(nth).token?.fingerprint ?? '' }),
    ],
    ['inclusion proof', async (nth) => reader.proofFile((nth * 7919) % size)],
    ['consistency proof', async (nth) => reader.consistency((nth * 7919) % size)],
    [
      'statistics by day',
      async () =>
        statistics.count({
          from: new Date(0),
          to: new Date(log.clock.now()),
          bucket: 'day',
          dimension: 'outcome',
        }),
    ],
  ];
  const times = new Map<string, number>();
  for (const [name, read] of cases) {
    const samples: number[] = [];
    for (let nth = 0; nth < 60; nth += 1) {
      const startedAt = performance.now();
      await read(nth);
      if (nth >= 10) samples.push(performance.now() - startedAt);
    }
    times.set(name, median(samples));
  }
  return times;
}

async function verifyOffline(log: TestLog): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'audit-bench-'));
  const folder = new LogFolder(path);
  await folder.copy(openTestReader(log));
  const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const report = await verifyFolder({ folder, origin: log.settings.origin, verifiers });
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - startedAt) / 1000;
  if (report.faults.length > 0) throw new Error('the log does not verify');
  console.log(
    `verified ${report.size} entries offline in ${seconds.toFixed(1)} s (${((user + system) / 1e6).toFixed(1)} s of CPU)`,
  );
  await rm(path, { recursive: true });
}

/** CPU time that the log's connections took in the server, where Linux tells it. */
async function backendCpuMs(log: TestLog): Promise<number> {
  const rows = await log.database.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE datname = current_database()',
  );
  const ticks = await Promise.all(
    rows.map(async ({ pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    }),
  );
  return ticks.reduce((sum, value) => sum + value, 0) * 10;
}

async function flood(entries: number, record: (nth: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < entries) await record(next++);
    }),
  );
  return (entries * 1000) / (performance.now() - startedAt);
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? NaN;
}

function show(perSecond: readonly number[]): string {
  return perSecond.map((value) => Math.round(value)).join(' ');
}
