import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examineLog } from '#libs/audit';
import { issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { DatabaseUnavailable } from '#libs/platform';
import { cloneDatabase, type TestDatabase } from '#libs/platform/testing';
import { withDatabase } from '../../apps/cli/src/actions/database.js';
import { execute, type LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';
import { startTestCluster } from '../support/test-cluster.js';

let postgres: LocalPostgres;
let place: TestDatabase;
let folder: string;
let log: TestLog;

beforeAll(async () => {
  // A server of its own: it becomes a standby.
  postgres = await startTestCluster();
  place = await cloneDatabase(postgres);
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-standby-'));
  log = await openTestLog(place.serviceUrl, { checkpointFile: join(folder, 'checkpoint') });
});

afterAll(async () => {
  await log.close();
  await postgres.remove();
  await rm(folder, { recursive: true });
});

/** Compares the checkpoint file with the log, as `doctor` does. */
async function examine(): Promise<void> {
  const { secrets, settings, logger } = log;
  await withDatabase(place.serviceUrl, async (database) =>
    examineLog({ database, secrets, settings, logger }),
  );
}

/** The server restarts as a standby that has not received the newest entries. */
async function becomeStandby(): Promise<void> {
  await postgres.execute(
    `SET session_replication_role = replica;
     CREATE TABLE missing AS SELECT * FROM audit_head WHERE size > 1;
     DELETE FROM audit_head WHERE size > 1`,
    place.name,
  );
  const [row] = await execute(postgres.superuserUrl, 'SHOW data_directory');
  const { data_directory: data } = row as { data_directory: string }; // the column of SHOW
  await postgres.stop();
  await writeFile(join(data, 'standby.signal'), '', { mode: 0o666 });
  await postgres.restart();
}

/** The server takes writes, and has all entries. */
async function becomePrimary(): Promise<void> {
  await postgres.execute('SELECT pg_promote()');
  await postgres.execute(
    `SET session_replication_role = replica; INSERT INTO audit_head SELECT * FROM missing`,
    place.name,
  );
}

describe('a standby that is behind', () => {
  it('is a database that is unavailable, never a log that is damaged, and serves once it is promoted', async () => {
    for (let n = 0; n < 3; n += 1) await log.trail.record(issued());
    await log.reader.checkpoint();
    await becomeStandby();

    const reason = expect.stringContaining('it is read-only (25006)') as string;
    await expect
      .poll(async () => (await log.readiness.ask()).audit)
      .toEqual({ isReady: false, reason });
    await expect(log.reader.checkpoint()).rejects.toThrow(DatabaseUnavailable);
    await expect(log.trail.record(issued())).rejects.toMatchObject({ status: 503 });
    // Commands that only read connect to standbys as well.
    await expect(examine()).rejects.toThrow(DatabaseUnavailable);
    expect(await sessions()).toEqual([]);

    await becomePrimary();
    await log.trail.record(issued());
    await log.reader.checkpoint();
    await expect.poll(async () => (await log.readiness.ask()).audit).toEqual({ isReady: true });
    await examine();
  });
});

/** Of the service. */
async function sessions(): Promise<readonly unknown[]> {
  return execute(
    postgres.superuserUrl,
    `SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'acs-identity%'`,
  );
}
