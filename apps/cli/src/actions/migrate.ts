import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { newerMigrations, serviceMigrations } from '#libs/composition';
import { dataSourceOptions, type PasswordSource, sqlState } from '#libs/platform';
import { databaseCredential, ownerEnvironment, requirePostgresUrl } from './database.js';
import { LockMonitor, MIGRATOR_LOCK } from './lock-monitor.js';
import { requireOwner } from './require-owner.js';
import { grantToServiceRole, identifier, queriesOf, requireNoExcess } from './service-role.js';
import { print } from '../standard-output.js';

const CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_WAIT_SECONDS = 60;
/** A migration that waits for a table makes everybody wait who comes after it, so it gives up soon and repeats. */
const TABLE_LOCK_TIMEOUT_MS = 4_000;
const RETRY_PAUSE_MS = 2_000;
const MIGRATOR_PAUSE_MS = 250;
const LOCK_NOT_AVAILABLE = '55P03';

/** Another migrator kept its lock for too long. */
class LockNotFree extends Error {}

export interface MigrateOptions {
  /** Address for the role that owns the schema. */
  readonly databaseUrl: string;
  /** Role that the api works as. */
  readonly serviceRole: string;
  /** How long to wait for locks of others, in all. Default: 60. */
  readonly waitSeconds?: number;
  readonly credential?: PasswordSource | undefined;
}

/** Migrates and prints what was done. */
export async function runMigrations(options: MigrateOptions): Promise<void> {
  const credential = databaseCredential(ownerEnvironment());
  const { done, newer } = await migrate({ ...options, credential }, (sentence) => {
    console.error(`The migration ${sentence}.`);
  });
  if (done.length > 0) print(`Done: ${done.join(', ')}.`);
  if (newer.length > 0)
    print(
      `The schema is of a newer release, whose migrations this one does not know: ${newer.join(', ')}. ` +
        'Nothing was revoked from the role of the service.',
    );
  else if (done.length === 0) print('The schema is up to date.');
}

/** Names of migrations. */
export interface Migrated {
  /** Those that ran. */
  readonly done: readonly string[];
  /** Those in the database that this release does not know. */
  readonly newer: readonly string[];
}

/**
 * Brings the schema up to this release and grants the service's role what it needs, and no more; on the
 * schema of a newer release, no less than it has. Safe to repeat, and to run twice at once.
 *
 * @param report called with what the migration waits for
 * @throws when a lock was not free in time; at the end, when the role can do more than the service needs
 */
export async function migrate(
  { databaseUrl, serviceRole, waitSeconds = DEFAULT_WAIT_SECONDS, credential }: MigrateOptions,
  report: (sentence: string) => void = () => undefined,
): Promise<Migrated> {
  const applicationName = `acs-identity migrate ${randomUUID().slice(0, 8)}`;
  const source = (poolSize: number, session: Readonly<Record<string, string>>): DataSource =>
    new DataSource({
      ...dataSourceOptions({
        url: requirePostgresUrl(databaseUrl),
        credential,
        poolSize,
        timeoutMs: CONNECT_TIMEOUT_MS,
        applicationName,
        // A migration may take as long as it needs. It may not wait as long for others.
        session: {
          statement_timeout: '0',
          idle_in_transaction_session_timeout: '0',
          ...session,
        },
      }),
      migrations: [...serviceMigrations],
    });
  const locking = source(2, { lock_timeout: String(waitSeconds * 1_000) });
  const working = source(2, { lock_timeout: String(TABLE_LOCK_TIMEOUT_MS) });
  const monitor = new LockMonitor(locking, applicationName, report);
  const deadline = performance.now() + waitSeconds * 1_000;
  try {
    await locking.initialize();
    monitor.start();
    // One migrator at a time; the others find nothing left to do.
    return await locking.transaction(async (lock) => {
      while (!(await isOnlyMigrator(lock))) {
        if (performance.now() > deadline) throw new LockNotFree();
        await delay(MIGRATOR_PAUSE_MS);
      }
      await working.initialize();
      for (;;) {
        try {
          return await migrateOnce(working, serviceRole);
        } catch (error) {
          if (!isLockNotFree(error) || performance.now() > deadline) throw error;
          await delay(RETRY_PAUSE_MS);
        }
      }
    });
  } catch (error) {
    if (!isLockNotFree(error)) throw error;
    throw new Error(
      `The migration gave up after ${waitSeconds} s: it ${monitor.latest ?? 'waits for a lock'}. ` +
        'What it had not finished was undone. End that transaction and migrate again, or wait longer with --wait <seconds>.',
    );
  } finally {
    monitor.stop();
    if (working.isInitialized) await working.destroy();
    if (locking.isInitialized) await locking.destroy();
  }
}

/**
 * Takes the lock that one migrator has, if it is free. Doesn't wait in the database: an index that the other one
 * builds concurrently would wait for the end of this statement, and both for ever. A lock of the transaction:
 * that of a session would stay at a pooler.
 */
async function isOnlyMigrator(lock: EntityManager): Promise<boolean> {
  const [row] = await lock.query<{ is_taken: boolean }[]>(
    `SELECT pg_try_advisory_xact_lock(${MIGRATOR_LOCK}) AS is_taken`,
  );
  return row?.is_taken === true;
}

function isLockNotFree(error: unknown): boolean {
  return error instanceof LockNotFree || sqlState(error) === LOCK_NOT_AVAILABLE;
}

async function migrateOnce(dataSource: DataSource, serviceRole: string): Promise<Migrated> {
  const runner = dataSource.createQueryRunner();
  try {
    await requireOwner(queriesOf(runner));
    await requireRole(runner, serviceRole);
    const done = await dataSource.runMigrations({ transaction: 'each' });
    await grantToServiceRole(runner, serviceRole);
    await requireNoExcess(runner, serviceRole);
    return {
      done: done.map(({ name }) => name),
      newer: await newerMigrations(queriesOf(runner)),
    };
  } finally {
    await runner.release();
  }
}

/** What is revoked from an owner, it can't do either: erasures and new partitions would fail. */
const ROLE = `
  SELECT rolname = current_user
         OR oid = (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.schema_migration'))
         IS TRUE AS "ownsSchema"
  FROM pg_roles WHERE rolname = $1`;

async function requireRole(runner: QueryRunner, role: string): Promise<void> {
  const [found] = await runner.manager.query<{ ownsSchema: boolean }[]>(ROLE, [role]);
  if (found?.ownsSchema === true) {
    throw new Error(
      `The role ${JSON.stringify(role)} owns the schema. Name the role that the api works as: what it does not need is revoked from it.`,
    );
  }
  if (found) return;
  throw new Error(
    `The role ${JSON.stringify(role)} does not exist. Create it first: CREATE ROLE ${identifier(role)} LOGIN PASSWORD '…'`,
  );
}
