import { readFile } from 'node:fs/promises';
import { openCheckpoint } from '#libs/transparency-log';
import { DatabaseVerifier } from '#libs/audit';
import { issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { PlainInserts } from './audit-plain-inserts.js';
import { cloneDatabase, type TestCluster } from '#libs/platform/testing';
import type { PartReport } from './audit-report.js';
import { median, quantile, spread, whole } from './figures.js';

const ROUNDS = 5;
const WARM_UP_ENTRIES = 20_000;
const SINGLE_APPENDS = 500;

/** Durable, sequenced, provable appends per second, alternating with plain inserts of the same rows. */
export async function measureAppend(
  cluster: TestCluster,
  { entries, callers }: { readonly entries: number; readonly callers: number },
): Promise<PartReport> {
  const queueLimit = 1_000_000;
  const deadlines = { timeoutMs: 30_000, databaseTimeoutMs: 30_000 };
  const log = await openTestLog((await cloneDatabase(cluster)).serviceUrl, {
    queueLimit,
    ...deadlines,
  });
  const other = await openTestLog((await cloneDatabase(cluster)).serviceUrl, deadlines);
  const plain = new PlainInserts(other.database);
  const append = loadOf(callers);
  const rates = { log: [] as number[], plain: [] as number[], ratio: [] as number[] };
  const cpu = { own: [] as number[], backends: [] as number[] };
  await append(WARM_UP_ENTRIES, async (nth) => log.trail.record(issued(nth)));
  await append(WARM_UP_ENTRIES, async (nth) => plain.record(issued(nth)));
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = { own: process.cpuUsage(), backends: await backendMicroseconds(log) };
    const logRate = await append(entries, async (nth) => log.trail.record(issued(nth)));
    const { user, system } = process.cpuUsage(before.own);
    cpu.own.push((user + system) / entries);
    cpu.backends.push(((await backendMicroseconds(log)) - before.backends) / entries);
    const plainRate = await append(entries, async (nth) => plain.record(issued(nth)));
    rates.log.push(logRate);
    rates.plain.push(plainRate);
    rates.ratio.push(logRate / plainRate);
  }
  const single = await singleAppendsMs(log);
  await assertWhole(log, WARM_UP_ENTRIES + ROUNDS * entries + single.length);
  await log.close();
  await other.close();
  const [perSecond, ratio] = [median(rates.log), median(rates.ratio)];
  return {
    title: 'Appends',
    how: `${whole(callers)} callers, each waiting for its receipt before its next entry; ${ROUNDS} rounds of ${whole(entries)} entries; medians (lowest to highest). When a caller gets its receipt, the entry is durable (\`fsync\` and \`synchronous_commit\` on), has its index and is covered by a signed checkpoint. The plain insert writes the same rows into the same tables in batches of the same size, without lock, sequence, tree or signature. Unbundled code, in the process of the benchmark. Afterwards the last entries are verified in the database: bytes, columns, tiles, heads and signatures.`,
    figures: [
      {
        what: 'appends per second',
        measured: spread(rates.log),
        goal: { text: 'at least 20,000', isMet: perSecond >= 20_000 },
      },
      { what: 'plain batched inserts per second', measured: spread(rates.plain) },
      {
        what: 'ratio of the two',
        measured: ratio.toFixed(2),
        goal: { text: 'at least 0.6', isMet: ratio >= 0.6 },
      },
      {
        what: 'CPU of an append',
        measured: `${median(cpu.own).toFixed(0)} µs in this process, callers included; ${median(cpu.backends).toFixed(0)} µs in PostgreSQL's backends`,
      },
      {
        what: 'one caller at a time',
        measured: `p50 ${median(single).toFixed(2)} ms, p99 ${quantile(single, 0.99).toFixed(2)} ms`,
      },
    ],
  };
}

async function singleAppendsMs(log: TestLog): Promise<number[]> {
  const samples: number[] = [];
  for (let nth = 0; nth < SINGLE_APPENDS; nth += 1) {
    const startedAt = performance.now();
    await log.trail.record(issued(nth));
    samples.push(performance.now() - startedAt);
  }
  return samples;
}

/** @throws unless every entry is in the log and the newest part verifies */
async function assertWhole(log: TestLog, entries: number): Promise<void> {
  const trust = {
    origin: log.settings.origin,
    verifiers: (await log.signers.current()).map(({ verifier }) => verifier),
  };
  const { checkpoint: note } = await log.reader.checkpoint();
  const { checkpoint } = openCheckpoint(note, trust);
  const [stored] = await log.database.query<{ entries: string }>(
    'SELECT count(*) AS entries FROM audit_entry',
  );
  if (checkpoint.size !== entries || Number(stored?.entries) !== entries) {
    throw new Error(`${entries} entries were recorded, ${checkpoint.size} are in the log`);
  }
  const [head] = await log.database.query<{ size: string; root: Buffer }>(
    'SELECT size, root FROM audit_head WHERE size >= $1 ORDER BY size LIMIT 1',
    [Math.max(0, entries - 20_000)],
  );
  if (!head) throw new Error('the log has no head');
  const since = { origin: trust.origin, size: Number(head.size), root: head.root };
  const report = await new DatabaseVerifier(log.database).verify({
    ...trust,
    since,
    known: [checkpoint],
  });
  if (report.faults.length > 0) throw new Error('the log does not verify');
}

/** CPU time of the server's processes for the log's connections. Linux only; 0 elsewhere. */
async function backendMicroseconds(log: TestLog): Promise<number> {
  const rows = await log.database.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE datname = current_database()',
  );
  const nanoseconds = await Promise.all(
    rows.map(async ({ pid }) =>
      Number((await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '0')).split(' ')[0]),
    ),
  );
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1000;
}

/** @returns runs a load and gives entries per second */
function loadOf(callers: number) {
  return async (entries: number, record: (nth: number) => Promise<unknown>): Promise<number> => {
    let next = 0;
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (next < entries) await record(next++);
      }),
    );
    return (entries * 1000) / (performance.now() - startedAt);
  };
}
