import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ReadinessChecks } from '../health/readiness-checks.js';
import { ManualClock } from '../testing/manual-clock.js';
import { MemoryLogger } from '../testing/memory-logger.js';
import { testDatabase } from '../testing/test-database.js';
import { dataSourceOptions } from './data-source-options.js';
import { Database } from './database.js';
import { DatabaseCheck } from './database-check.js';

function connect(url: string, timeoutMs = 2_000): Database {
  const source = new DataSource(dataSourceOptions({ url, poolSize: 2, timeoutMs }));
  onTestFinished(async () => {
    if (source.isInitialized) await source.destroy();
  });
  return new Database(source);
}

async function open() {
  const place = await testDatabase();
  onTestFinished(async () => place.close());
  const superuser = connect(place.superuserUrl, 10_000);
  const name = new URL(place.serviceUrl).pathname.slice(1);
  return { ...place, superuser, name, role: new URL(place.serviceUrl).username };
}

/** The answer of the readiness check, as the readiness endpoint and the log see it. */
async function answerOf(database: Database, clock = new ManualClock()) {
  const checks = new ReadinessChecks(new MemoryLogger(), new Registry());
  const check = new DatabaseCheck(database, clock);
  checks.register('database', async () => check.run());
  return (await checks.ask()).database;
}

function changed(url: string, change: (url: URL) => void): string {
  const copy = new URL(url);
  change(copy);
  return copy.href;
}

function notReady(reason: string) {
  return { isReady: false, reason: expect.stringContaining(reason) as string };
}

describe('the readiness of the database', () => {
  it('is ready when it can be read and written, also where the role may not create temporary tables', async () => {
    const { serviceUrl, superuser, name } = await open();
    expect(await answerOf(connect(serviceUrl))).toEqual({ isReady: true });
    await superuser.query(`REVOKE TEMPORARY ON DATABASE "${name}" FROM PUBLIC`);
    expect(await answerOf(connect(serviceUrl))).toEqual({ isReady: true });
  });

  it.each<[string, (url: URL) => void, string]>([
    ['a wrong password', (url) => (url.password = 'wrong'), 'the password is refused (28P01)'],
    ['no password', (url) => (url.password = ''), 'it requires a password, and none is set'],
    [
      'a missing database',
      (url) => (url.pathname = '/nowhere'),
      'the database does not exist (3D000)',
    ],
    [
      'a closed port',
      (url) => (url.port = '1'),
      '127.0.0.1:1: it refuses the connection (ECONNREFUSED): check its address, the network and the firewall',
    ],
    [
      'an unknown host',
      (url) => (url.hostname = 'nowhere.invalid'),
      'its name can not be resolved',
    ],
  ])('names %s', async (_what, change, reason) => {
    const { serviceUrl } = await open();
    expect(await answerOf(connect(changed(serviceUrl, change)))).toEqual(notReady(reason));
  });

  it('names a server that does not answer, and no other fault, as one that gave no answer in time', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const database = connect(`postgres://nobody:x@127.0.0.1:${port}/none`, 300);
    expect(await answerOf(database)).toEqual(notReady('the database gave no answer in time'));
  });

  it('names a full disk, which still answers queries, and recovers', async () => {
    const { serviceUrl, superuser } = await open();
    const [database, clock] = [connect(serviceUrl), new ManualClock()];
    await superuser.query(`CREATE FUNCTION full_disk() RETURNS event_trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
    await superuser.query(
      'CREATE EVENT TRIGGER full_disk ON ddl_command_start EXECUTE FUNCTION full_disk()',
    );
    expect(await answerOf(database, clock)).toEqual(notReady('its disk is full (53100)'));
    await superuser.query('DROP EVENT TRIGGER full_disk');
    expect(await answerOf(database, clock)).toEqual({ isReady: true });
  });

  it('names a read-only database', async () => {
    const { serviceUrl, superuser, name } = await open();
    await superuser.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
    expect(await answerOf(connect(serviceUrl))).toEqual(notReady('it is read-only (25006)'));
  });

  it('names a server without a free connection', async () => {
    const { serviceUrl, superuser, name } = await open();
    await superuser.query(`ALTER DATABASE "${name}" CONNECTION LIMIT 0`);
    expect(await answerOf(connect(serviceUrl))).toEqual(notReady('no more connections (53300)'));
  });

  it.each([
    ['SELECT * FROM not_there', 'a table is missing: run acs-identity migrate (42P01)'],
    ['SELECT not_there()', 'a function is missing: run acs-identity migrate (42883)'],
    ['SELECT * FROM pg_authid', 'the role lacks a privilege: run acs-identity migrate (42501)'],
    ['SELECT pg_sleep(30)', 'a statement was cancelled, usually by its timeout (57014)'],
  ])('explains the failure of %s', async (sql, reason) => {
    const { serviceUrl } = await open();
    const database = connect(serviceUrl, 500);
    const checks = new ReadinessChecks(new MemoryLogger(), new Registry());
    checks.register('part', async () => {
      await database.query(sql);
      return { isReady: true };
    });
    expect((await checks.ask()).part).toEqual(notReady(reason));
  });
});
