// Crash campaign: kills writers of the audit log, and its database, under load. Afterwards every
// receipt that a caller got must have its entry and its change, and the log must be one and whole.
//
//   node dist/test/campaigns/audit-crash.js --kills 200 --crashes 50 --seed 1
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type AuditReceipt, DatabaseVerifier } from '#libs/audit';
import { openTestLog, testSigningSeed, type TestLog } from '../../libs/audit/test/audit-log.js';
import { denied, issued } from '../../libs/audit/test/sample-events.js';
import { cloneDatabase, startTestCluster } from '../environment/cluster.js';
import { Random } from './audit-random.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    crashes: { type: 'string', default: '50' },
    count: { type: 'string' },
    seed: { type: 'string' },
    writer: { type: 'string' },
  },
});

if (values.writer === undefined) await campaign();
else
  await write(
    openTestLog(values.writer),
    (line) => writeSync(1, `${line}\n`),
    () => true,
  );

async function campaign(): Promise<void> {
  const kills = Number(values.count ?? values.kills);
  const crashes = Number(values.count ?? values.crashes);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const random = new Random(seed);
  console.log(
    `audit crash campaign: ${kills} kills of a writer, ${crashes} crashes of PostgreSQL, seed ${seed}`,
  );
  const cluster = await startTestCluster(true);
  const target = { superuserUrl: cluster.url('postgres'), port: cluster.port };
  const database = await cloneDatabase(target);
  const superuser = async <T extends pg.QueryResultRow>(
    sql: string,
    parameters: unknown[] = [],
  ): Promise<T[]> => {
    const client = new pg.Client({ connectionString: database.superuserUrl });
    await client.connect();
    try {
      return (await client.query<T>(sql, parameters)).rows;
    } finally {
      await client.end();
    }
  };
  await superuser('CREATE TABLE drill_change (entry_id text PRIMARY KEY)');
  await superuser('GRANT SELECT, INSERT ON drill_change TO PUBLIC');
  const receipts: string[] = [];

  for (let nth = 0; nth < kills; nth += 2) {
    const writers = [
      startWriter(database.serviceUrl, receipts),
      startWriter(database.serviceUrl, receipts),
    ];
    await Promise.all(
      writers.map(async ({ child, firstReceipt }) => {
        await firstReceipt;
        await delay(random.below(300));
        child.kill('SIGKILL');
        await once(child, 'close');
      }),
    );
    if (nth % 20 === 18) console.log(`${nth + 2} kills, ${receipts.length} receipts`);
  }

  const log = openTestLog(database.serviceUrl, { databaseTimeoutMs: 2000, timeoutMs: 2000 });
  const state = { isRunning: true, refused: 0 };
  const work = write(
    log,
    (line) => receipts.push(line),
    () => state.isRunning,
    () => (state.refused += 1),
  );
  for (let nth = 0; nth < crashes; nth += 1) {
    const before = receipts.length;
    while (receipts.length === before) await delay(5);
    await delay(random.below(60));
    await cluster.crash();
    await cluster.restart();
    if ((nth + 1) % 10 === 0)
      console.log(`${nth + 1} crashes, ${receipts.length} receipts, ${state.refused} refused`);
  }
  state.isRunning = false;
  await work;

  const rows = await superuser<{ id: string; entry_index: string; has_change: boolean }>(
    `SELECT e.id::text, entry_index, c.entry_id IS NOT NULL AS has_change
     FROM audit_entry e FULL JOIN drill_change c ON c.entry_id = e.identity_id`,
  );
  const stored = new Map(rows.map((row) => [row.id, Number(row.entry_index)]));
  const lost = receipts.filter((line) => {
    const { id, index } = JSON.parse(line) as AuditReceipt;
    return stored.get(id) !== index;
  });
  const parted = await superuser<{ count: string }>(
    `SELECT count(*) FROM (SELECT identity_id FROM audit_entry WHERE action = 'token.issue') e
     FULL JOIN drill_change c ON c.entry_id = e.identity_id
     WHERE c.entry_id IS NULL OR e.identity_id IS NULL`,
  );
  const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
  const report = await new DatabaseVerifier(log.database).verify({
    origin: log.settings.origin,
    verifiers,
    known: [],
  });
  console.log(
    `${receipts.length} receipts, ${report.size} entries: ${lost.length} receipts without their entry, ${parted[0]?.count ?? ''} changes parted from their entry, ${report.faults.length} faults in the log`,
  );
  for (const fault of report.faults.slice(0, 5)) console.log(fault);
  await log.close();
  await cluster.remove();
  const isWhole = lost.length === 0 && parted[0]?.count === '0' && report.faults.length === 0;
  process.exitCode = isWhole ? 0 : 1;
}

function startWriter(
  url: string,
  receipts: string[],
): { child: ChildProcess; firstReceipt: Promise<void> } {
  const [script = ''] = process.argv.slice(1);
  const child = spawn(process.execPath, [script, '--writer', url], {
    env: { ...process.env, AUDIT_TEST_SIGNING_SEED: testSigningSeed },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { promise, resolve } = Promise.withResolvers<undefined>();
  child.once('close', () => {
    resolve(undefined);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    // A line that the kill cut short is no receipt that anybody got.
    if (!line.endsWith('}')) return;
    receipts.push(line);
    resolve(undefined);
  });
  return { child, firstReceipt: promise };
}

/** Records from many callers at once, some with a change, and tells each receipt. */
async function write(
  log: TestLog,
  tell: (receipt: string) => unknown,
  isRunning: () => boolean,
  refused: () => unknown = () => undefined,
): Promise<void> {
  let nth = process.pid * 1_000_000 + Math.floor(performance.timeOrigin % 1000) * 1000;
  await Promise.all(
    Array.from({ length: 40 }, async (_, caller) => {
      while (isRunning()) {
        const event = caller % 4 === 0 ? denied() : issued((nth += 1));
        const identity = event.target?.identityId;
        try {
          const receipt = await log.trail.record(
            event,
            identity === undefined
              ? undefined
              : async (transaction) => {
                  await transaction.query('INSERT INTO drill_change VALUES ($1)', [identity]);
                },
          );
          tell(JSON.stringify(receipt));
        } catch {
          refused();
          await delay(20);
        }
      }
    }),
  );
}
