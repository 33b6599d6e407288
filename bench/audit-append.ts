import { readFile } from 'node:fs/promises';
import { openCheckpoint } from '#libs/transparency-log';
import { DatabaseVerifier } from '#libs/audit';
import { issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { PlainInserts } from './audit-plain-inserts.js';
import { cloneDatabase, type TestCluster } from '#libs/platform/testing';
import { median, type PartReport, spread, whole } from './audit-report.js';

const turns = 5;
const warmUp = 20_000;

/** Durable, sequenced, provable appends per second, in turns with plain inserts of the same rows. */
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
  const flood = flooding(callers);
  const rates = { log: [] as number[], plain: [] as number[], ratio: [] as number[] };
  const cpu = { own: [] as number[], backends: [] as number[] };
  await flood(warmUp, async (nth) => log.trail.record(issued(nth)));
  await flood(warmUp, async (nth) => plain.record(issued(nth)));
  for (let turn = 0; turn < turns; turn += 1) {
    const before = { own: process.cpuUsage(), backends: await backendMicroseconds(log) };
    const ours = await flood(entries, async (nth) => log.trail.record(issued(nth)));
    const { user, system } = process.cpuUsage(before.own);
    cpu.own.push((user + system) / entries);
    cpu.backends.push(((await backendMicroseconds(log)) - before.backends) / entries);
    const theirs = await flood(entries, async (nth) => plain.record(issued(nth)));
    rates.log.push(ours);
    rates.plain.push(theirs);
    rates.ratio.push(ours / theirs);
  }
  const alone = await oneByOne(log);
  await assertWhole(log, warmUp + turns * entries + alone.length);
  await log.close();
  await other.close();
  const [perSecond, ratio] = [median(rates.log), median(rates.ratio)];
  return {
    title: 'Appends',
    how: `${whole(callers)} callers, each waiting for its receipt before its next entry, ${turns} turns of ${whole(entries)} entries; medians (lowest to highest). Every entry is durable (\`fsync\` and \`synchronous_commit\` on), has its index, and is under a signed checkpoint when its caller goes on. The plain insert puts the same rows into the same tables in batches of the same size, without lock, sequence, tree or signature. Afterwards the last entries were verified in the database: bytes, columns, tiles, heads and signatures.`,
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
        measured: `${median(cpu.own).toFixed(0)} µs here, callers included; ${median(cpu.backends).toFixed(0)} µs in PostgreSQL's backends`,
      },
      {
        what: 'one caller alone',
        measured: `p50 ${alone[250]?.toFixed(2) ?? ''} ms, p99 ${alone[495]?.toFixed(2) ?? ''} ms`,
      },
    ],
  };
}

async function oneByOne(log: TestLog): Promise<number[]> {
  const alone: number[] = [];
  for (let nth = 0; nth < 500; nth += 1) {
    const startedAt = performance.now();
    await log.trail.record(issued(nth));
    alone.push(performance.now() - startedAt);
  }
  return alone.sort((a, b) => a - b);
}

/** Every entry is in the log, and its newest part verifies. */
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

/** CPU time that the log's connections took in the server, where Linux tells it. */
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

/** @returns entries a second */
function flooding(callers: number) {
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
