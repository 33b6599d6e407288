// Tamper drill: changes rows of the audit log as the database's superuser would, one random edit at a
// time, and checks that verification finds each, with the first bad index right.
//
//   node dist/test/chaos/audit-tamper.js --count 1000 --seed 1
import { parseArgs } from 'node:util';
import { DataSource, type QueryRunner } from 'typeorm';
import { DatabaseVerifier } from '#libs/audit';
import { dataSourceOptions, Database } from '#libs/platform';
import { openCheckpoint } from '#libs/transparency-log';
import { openTestLog } from '#libs/audit/testing';
import { cloneDatabase } from '#libs/platform/testing';
import { startTestCluster } from '../support/test-cluster.js';
import { fillLog } from './support/log-filler.js';
import { edits, type Tampering } from './support/log-edits.js';
import { Prng } from '../support/prng.js';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000' }, seed: { type: 'string' } },
});
const count = Number(values.count);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const random = new Prng(seed);
console.log(`audit tamper drill: ${count} edits, seed ${seed}`);

const cluster = await startTestCluster();
const clone = await cloneDatabase(cluster);
const log = openTestLog(clone.serviceUrl);
const size = await fillLog(log, clone.ownerUrl, random);

const dataSource = new DataSource(
  dataSourceOptions({ url: clone.superuserUrl, poolSize: 2, timeoutMs: 60_000 }),
);
await dataSource.initialize();
const verifier = new DatabaseVerifier(new Database(dataSource));
const verifiers = (await log.signers.current()).map(({ verifier: key }) => key);
const [row] = await dataSource.query<{ checkpoint: string }[]>(
  'SELECT checkpoint FROM audit_head ORDER BY size DESC LIMIT 1',
);
const trust = { origin: log.settings.origin, verifiers };
const known = [openCheckpoint(row?.checkpoint ?? '', trust).checkpoint];

const untouched = await verifier.verify({ ...trust, known });
if (untouched.faults.length > 0 || untouched.size !== size) {
  throw new Error(`the log is not whole to begin with: ${JSON.stringify(untouched.faults)}`);
}

let done = 0;
let refused = 0;
const misses: string[] = [];
const byEdit = new Map<string, number>();
const startedAt = performance.now();
while (done < count) {
  const edit = random.pick(edits);
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    const tampering = await attempt(edit, runner);
    if (!tampering) {
      refused += 1;
      continue;
    }
    const { faults } = await verifier.verifyIn(runner.manager, {
      ...trust,
      known,
      faultLimit: 2000,
    });
    const found = faults[0]?.index;
    const isRight = tampering.isAnyIndexRight
      ? found !== undefined
      : found === tampering.firstIndex;
    if (!isRight) {
      misses.push(
        `${tampering.what}: expected ${tampering.firstIndex}, found ${found ?? 'nothing'}`,
      );
      console.log(`MISS ${misses.at(-1) ?? ''} ${JSON.stringify(faults.slice(0, 3))}`);
    }
    const [kind = ''] = tampering.what.split(':');
    byEdit.set(kind, (byEdit.get(kind) ?? 0) + 1);
    done += 1;
    if (done % 100 === 0) console.log(`${done} edits, ${misses.length} misses`);
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}

/** @returns `undefined` when PostgreSQL itself refuses the edit, or it would change nothing */
async function attempt(
  edit: (runner: QueryRunner, random: Prng) => Promise<Tampering | undefined>,
  runner: QueryRunner,
): Promise<Tampering | undefined> {
  await runner.query('SET LOCAL session_replication_role = replica');
  try {
    return await edit(runner, random);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (/^2[23]/.test(code)) return undefined;
    throw error;
  }
}

const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
for (const [kind, times] of [...byEdit].sort()) console.log(`  ${kind}: ${times}`);
console.log(
  `${done} edits of a log of ${size} entries in ${seconds} s: ${done - misses.length} found with the right first index, ${misses.length} not; ${refused} more were refused by PostgreSQL or changed nothing`,
);
await log.close();
await dataSource.destroy();
await cluster.remove();
process.exitCode = misses.length > 0 ? 1 : 0;
