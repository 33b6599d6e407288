import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TEST_CLUSTER, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { LogConnection } from './log-connection.js';

const role = `login_${randomBytes(6).toString('hex')}`;
let database: TestDatabase;
let superuser: pg.Client;
let log: TestLog;
let successor: TestLog;

beforeAll(async () => {
  database = await testDatabase();
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  const { serviceRole, password } = TEST_CLUSTER;
  await superuser.query(
    `CREATE ROLE ${role} LOGIN NOINHERIT PASSWORD '${password}' IN ROLE ${serviceRole}`,
  );
  await superuser.query(`ALTER ROLE ${role} SET role = ${serviceRole}`);
  const url = database.serviceUrl.replace(serviceRole, role);
  [log, successor] = [await openTestLog(url), await openTestLog(url)];
});

afterAll(async () => {
  await log.close();
  await successor.close();
  await superuser.query(`DROP ROLE ${role}`);
  await superuser.end();
  await database.close();
});

describe('the connection of the log, of a login that becomes another role', () => {
  it('works as the other role', async () => {
    const connection = log.get(LogConnection);
    await connection.connect();
    expect(await connection.query('SELECT session_user::text, current_user::text')).toEqual([
      { session_user: role, current_user: TEST_CLUSTER.serviceRole },
    ]);
  });

  it('calls a server process of its own gone only when it has ended', async () => {
    const backend = await log.get(LogConnection).connect();
    const other = successor.get(LogConnection);
    expect(await other.terminate(backend)).toBe(false);
    await expect.poll(async () => other.terminate(backend)).toBe(true);
    const { rowCount } = await superuser.query('SELECT FROM pg_stat_activity WHERE pid = $1', [
      backend.pid,
    ]);
    expect(rowCount).toBe(0);
  });
});
