import { randomUUID } from 'node:crypto';
import { DataSource, type QueryRunner } from 'typeorm';
import { openTestLog } from '#libs/audit/testing';
import { MappingCheck } from '#libs/identity-mapping';
import { RecordedMappings } from '#libs/identity-mapping/testing';
import { Database, dataSourceOptions } from '#libs/platform';
import { cloneDatabase } from '#libs/platform/testing';
import { startTestCluster } from '../support/test-cluster.js';
import { finishCampaign, startCampaign } from './support/campaign.js';

interface Row {
  readonly id: string;
  readonly status: string;
  /** Whether the log has an entry about it. */
  readonly is_recorded: boolean;
  /** Whether work for it is unfinished, so that it may have any lease. */
  readonly is_owed: boolean;
}

/** An edit, and the rows that the check must name. */
interface Tampering {
  readonly what: string;
  readonly ids: readonly string[];
}

/** What a superuser may write into each column. Times lie outside the tolerance of the check. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  resource: [`resource || 'x'`, `'other'`],
  tenant: [`'fabrikam'`, `upper(tenant)`],
  subject: [`gen_random_uuid()::text`, `subject || ' '`],
  kind: [`CASE kind WHEN 'user' THEN 'bot' ELSE 'user' END`],
  status: ['pending', 'active', 'suspended', 'deleting', 'deleted'].map((status) => `'${status}'`),
  communication_user_id: [`communication_user_id || 'x'`, 'NULL', `'8:acs:' || gen_random_uuid()`],
  display_name: [`coalesce(display_name, '') || 'x'`, 'NULL'],
  version: ['version + 2', 'version - 2', 'version + 1000'],
  token_generation: ['token_generation + 1', 'token_generation - 1'],
  is_revoking: ['NOT is_revoking'],
  lease_holder: ['gen_random_uuid()'],
  lease_expires_at: ['now()'],
  created_at: [`created_at + interval '1 ms'`, `created_at - interval '1 day'`],
  updated_at: [`updated_at + interval '1 hour'`, `updated_at - interval '1 hour'`],
  deleted_at: [`CASE WHEN deleted_at IS NULL THEN now() END`, `deleted_at - interval '1 day'`],
};

/** Of a pending mapping without entries, only these are known; of one with entries, all but `updated_at`. */
const COLUMNS_OF_ANY_PENDING = [
  'communication_user_id',
  'display_name',
  'version',
  'token_generation',
  'is_revoking',
  'deleted_at',
];

const { count, prng } = startCampaign({
  name: 'mapping-tamper',
  description: `Changes rows of the table of mappings as the database's superuser, one random edit at a time, and
checks that the check against the audit log names every changed row. Every edit is rolled back.`,
  count: { of: 'edits', byDefault: 300 },
});

const cluster = await startTestCluster();
const database = await cloneDatabase(cluster);
const log = await openTestLog(database.serviceUrl);
const mappings = new RecordedMappings(log);
for (let nth = 0; nth < 3; nth += 1) await mappings.addEveryState();
const dataSource = new DataSource(
  dataSourceOptions({ url: database.superuserUrl, poolSize: 2, timeoutMs: 60_000 }),
);
await dataSource.initialize();
const check = new MappingCheck(new Database(dataSource));
const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
const trust = { origin: log.settings.origin, verifiers, known: [] };

const intact = await check.run(trust);
if (intact.log.faults.length + intact.differenceCount + intact.unchecked > 0) {
  throw new Error(`a difference before any edit: ${JSON.stringify(intact.differences)}`);
}
await dropConstraints();
const rows = await dataSource.query<Row[]>(
  `SELECT id, status, status IN ('pending', 'deleting') OR is_revoking AS is_owed,
     EXISTS (SELECT FROM audit_entry WHERE identity_id = mapping.id::text) AS is_recorded
   FROM mapping ORDER BY id`,
);

let done = 0;
const failures: string[] = [];
const timesByEdit = new Map<string, number>();
while (done < count) {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    const tampering = await prng.pick([
      changeColumn,
      changeColumn,
      swapColumn,
      deleteRow,
      insertCopy,
    ])(runner);
    if (!tampering) continue;
    const { differences } = await check.runIn(runner.manager, trust);
    const found = new Set(differences.map(({ mapping }) => mapping));
    const missed = tampering.ids.filter((id) => !found.has(id));
    if (missed.length > 0) failures.push(`${tampering.what}: ${missed.join(', ')}`);
    const [kind = ''] = tampering.what.split(':');
    timesByEdit.set(kind, (timesByEdit.get(kind) ?? 0) + 1);
    done += 1;
    if (done % 100 === 0) console.log(`${done} edits, ${failures.length} failures`);
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}
for (const [kind, times] of [...timesByEdit].sort()) console.log(`  ${kind}: ${times}`);
await log.close();
await dataSource.destroy();
await cluster.remove();
process.exitCode = finishCampaign(done - failures.length, failures);

/** As a superuser can: what constraints and unique indexes would refuse is tried as well. */
async function dropConstraints(): Promise<void> {
  await dataSource.query(`
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = 'mapping'::regclass AND contype <> 'n' LOOP
        EXECUTE format('ALTER TABLE mapping DROP CONSTRAINT %I CASCADE', name);
      END LOOP;
      FOR name IN SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'mapping'::regclass LOOP
        EXECUTE format('DROP INDEX %s', name);
      END LOOP;
      FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'mapping'::regclass AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON mapping', name);
      END LOOP;
    END $$`);
}

function isKnown({ status, is_recorded, is_owed }: Row, column: string): boolean {
  if (column.startsWith('lease_')) return !is_owed;
  if (status !== 'pending') return true;
  return is_recorded ? column !== 'updated_at' : COLUMNS_OF_ANY_PENDING.includes(column);
}

async function changeColumn(runner: QueryRunner): Promise<Tampering | undefined> {
  const row = prng.pick(rows);
  const [column, values] = prng.pick(Object.entries(COLUMNS));
  if (!isKnown(row, column)) return undefined;
  const value = prng.pick(values);
  const [changed] = (await runner.query(
    `UPDATE mapping SET ${column} = ${value} WHERE id = $1 AND ${column} IS DISTINCT FROM ${value} RETURNING id`,
    [row.id],
  )) as [unknown[], number];
  return changed.length > 0 ? { what: `change ${column}: ${value}`, ids: [row.id] } : undefined;
}

/** Swaps a column of two rows. */
async function swapColumn(runner: QueryRunner): Promise<Tampering | undefined> {
  const [one, other] = [prng.pick(rows), prng.pick(rows)];
  const column = prng.pick([
    'subject',
    'communication_user_id',
    'status',
    'token_generation',
    'id',
  ]);
  if (column === 'id' && !(one.is_recorded && other.is_recorded)) return undefined;
  if (column !== 'id' && !(isKnown(one, column) && isKnown(other, column))) return undefined;
  const ids = [one.id, other.id];
  const [swapped] = (await runner.query(
    `UPDATE mapping a SET ${column} = b.${column} FROM mapping b
     WHERE a.id <> b.id AND a.id = ANY ($1) AND b.id = ANY ($1)
       AND a.${column} IS DISTINCT FROM b.${column} RETURNING a.id`,
    [ids],
  )) as [unknown[], number];
  return swapped.length > 0 ? { what: `swap ${column}: ${ids.join(' ')}`, ids } : undefined;
}

async function deleteRow(runner: QueryRunner): Promise<Tampering | undefined> {
  const { id, is_recorded } = prng.pick(rows);
  if (!is_recorded) return undefined;
  await runner.query('DELETE FROM mapping WHERE id = $1', [id]);
  return { what: `delete: ${id}`, ids: [id] };
}

/** Inserts a copy of a row, under a new id or the same. */
async function insertCopy(runner: QueryRunner): Promise<Tampering | undefined> {
  const { id, status } = prng.pick(rows);
  const copy = prng.pick([id, randomUUID()]);
  if (copy !== id && status === 'pending') return undefined;
  const columns = Object.keys(COLUMNS).join(', ');
  await runner.query(
    `INSERT INTO mapping (id, ${columns}) SELECT $2, ${columns} FROM mapping WHERE id = $1`,
    [id, copy],
  );
  return { what: `insert: a copy of ${id}`, ids: [copy] };
}
