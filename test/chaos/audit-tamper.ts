import { DataSource, type QueryRunner } from 'typeorm';
import { DatabaseVerifier } from '#libs/audit';
import { openTestLog } from '#libs/audit/testing';
import { Database, dataSourceOptions } from '#libs/platform';
import { cloneDatabase } from '#libs/platform/testing';
import { openCheckpoint } from '#libs/transparency-log';
import { startTestCluster } from '../support/test-cluster.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { type Edit, LOG_EDITS, type Tampering } from './support/log-edits.js';
import { fillLog } from './support/log-filler.js';

const FAULT_LIMIT = 2_000;

const { count, prng } = startCampaign({
  name: 'audit-tamper',
  description: `Changes rows of the audit log as the database's superuser, one random edit at a time, and
checks that verification detects each edit and names the right first index. Every edit is rolled back.`,
  count: { of: 'edits', byDefault: 1_000 },
});

const cluster = await startTestCluster();
const database = await cloneDatabase(cluster);
const log = await openTestLog(database.serviceUrl);
const size = await fillLog(log, database, prng);

const dataSource = new DataSource(
  dataSourceOptions({ url: database.superuserUrl, poolSize: 2, timeoutMs: 60_000 }),
);
await dataSource.initialize();
const verifier = new DatabaseVerifier(new Database(dataSource));
const verifiers = (await log.signers.current()).map(({ verifier: key }) => key);
const [head] = await dataSource.query<{ checkpoint: string }[]>(
  'SELECT checkpoint FROM audit_head ORDER BY size DESC LIMIT 1',
);
const trust = { origin: log.settings.origin, verifiers };
const known = [openCheckpoint(head?.checkpoint ?? '', trust).checkpoint];

const intact = await verifier.verify({ ...trust, known });
if (intact.faults.length > 0 || intact.size !== size) {
  throw new Error(`the log is damaged before any edit: ${JSON.stringify(intact.faults)}`);
}

let done = 0;
let withoutEffect = 0;
const failures: string[] = [];
const timesByEdit = new Map<string, number>();
const startedAt = performance.now();
while (done < count) {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    const tampering = await attempt(prng.pick(LOG_EDITS), runner);
    if (!tampering) {
      withoutEffect += 1;
      continue;
    }
    failures.push(...(await missesOf(tampering, runner)));
    const [kind = ''] = tampering.what.split(':');
    timesByEdit.set(kind, (timesByEdit.get(kind) ?? 0) + 1);
    done += 1;
    if (done % 100 === 0) console.log(`${done} edits, ${failures.length} failures`);
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}
const seconds = Math.round((performance.now() - startedAt) / 1_000);
for (const [kind, times] of [...timesByEdit].sort()) console.log(`  ${kind}: ${times}`);
console.log(
  `${done} edits of a log of ${size} entries in ${seconds} s; ${withoutEffect} more had no effect`,
);
await log.close();
await dataSource.destroy();
await cluster.remove();
process.exitCode = finishCampaign(done - failures.length, failures);

/** @returns `undefined` when PostgreSQL rejects the edit, or it changes nothing */
async function attempt(edit: Edit, runner: QueryRunner): Promise<Tampering | undefined> {
  await runner.query('SET LOCAL session_replication_role = replica');
  try {
    return await edit(runner, prng);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    // Data exceptions and violated constraints.
    if (/^2[23]/.test(code)) return undefined;
    throw error;
  }
}

/** @returns a failure when verification does not find the edit at its first index */
async function missesOf(
  { what, firstIndex, isAnyIndexRight }: Tampering,
  runner: QueryRunner,
): Promise<string[]> {
  const { faults } = await verifier.verifyIn(runner.manager, {
    ...trust,
    known,
    faultLimit: FAULT_LIMIT,
  });
  const found = faults[0]?.index;
  const isRight = isAnyIndexRight ? found !== undefined : found === firstIndex;
  return isRight ? [] : [`${what}: expected ${firstIndex}, found ${found ?? 'nothing'}`];
}
