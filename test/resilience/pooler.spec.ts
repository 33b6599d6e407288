import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { DataSource } from 'typeorm';
import { openTestLog } from '#libs/audit/testing';
import { Database, dataSourceOptions, ServiceClient } from '#libs/platform';
import { cloneDatabase, type TestDatabase } from '#libs/platform/testing';
import { execute } from '../../apps/local/src/postgres/local-postgres.js';
import { migrate } from '../../apps/cli/src/actions/migrate.js';
import { call } from '../support/call.js';
import { DelayProxy } from '../support/delay-proxy.js';
import { type PgBouncer, pgbouncerProgram, startPgBouncer } from '../support/pgbouncer.js';
import { Service } from '../support/service.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';

const event = {
  action: 'token.issue',
  outcome: 'success',
  actor: { kind: 'system', name: 'spec' },
} as const;

describe.skipIf(pgbouncerProgram === undefined)(
  'behind PgBouncer with its default settings, in transaction mode',
  () => {
    let pooler: PgBouncer;
    let service: Service;
    let place: TestDatabase;
    beforeAll(async () => {
      const cluster = inject('cluster');
      pooler = await startPgBouncer(cluster.port);
      place = await cloneDatabase({ ...cluster, servicePort: pooler.port });
      service = await Service.start({
        cluster: { ...cluster, servicePort: pooler.port },
        replicas: 2,
      });
    });
    afterAll(async () => {
      await service.stop();
      await place.close();
      await pooler.stop();
    });

    function open(timeoutMs: number, { serviceUrl } = place): Database {
      const source = new DataSource(dataSourceOptions({ url: serviceUrl, poolSize: 2, timeoutMs }));
      onTestFinished(async () => {
        if (source.isInitialized) await source.destroy();
      });
      return new Database(source);
    }

    it('issues tokens at two replicas at once, revokes them and is ready', async () => {
      const people = await Promise.all(Array.from({ length: 20 }, async () => newPerson(service)));
      const answers = await Promise.all(
        people.map(async (person, nth) =>
          requestToken(service, person, {}, service.urlOf(nth % 2)),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(people.map(() => 200));
      for (const person of people.slice(0, 3)) {
        const { bearer: token } = person;
        const revoked = await call(service.url, 'post', '/v1/me/tokens/revoke', { token });
        expect(revoked.status).toBe(202);
        await expect.poll(async () => (await requestToken(service, person)).status).toBe(200);
      }
      await issue(service, 'support-bot');
      expect((await call(service.url, 'get', '/health/ready')).status).toBe(200);
    });

    it('ends statements at their timeouts, inside and outside a transaction, and leaves none behind', async () => {
      const database = open(3_000);
      const sleep = 'SELECT pg_sleep($1)';
      const cancelled = { cause: { code: '57014' } };
      await expect(database.query(sleep, [30])).rejects.toMatchObject(cancelled);
      await expect(database.query('SELECT pg_sleep(30)')).rejects.toMatchObject(cancelled);
      await expect(
        database.transaction(async (transaction) => transaction.query<unknown>(sleep, [30])),
      ).rejects.toMatchObject(cancelled);
      const prepared = database.queryPrepared('same_name', 'SELECT $1::int AS n', [1]);
      expect(await prepared).toEqual([{ n: 1 }]);
      await expect(database.query('SHOW statement_timeout')).resolves.toEqual([
        { statement_timeout: '3s' },
      ]);
      const plain = new ServiceClient({
        url: place.serviceUrl,
        applicationName: 'spec',
        timeoutMs: 5_000,
        session: {},
      });
      await plain.connect();
      expect(plain.isPooled).toBe(true);
      expect((await plain.query('SELECT count(*) AS n FROM pg_prepared_statements')).rows).toEqual([
        { n: '0' },
      ]);
      expect((await plain.query('SHOW statement_timeout')).rows).toEqual([
        { statement_timeout: '0' },
      ]);
      await plain.end();
    });

    it('knows whether a commit took effect whose answer was lost, and no lost flight commits later', async () => {
      const proxy = await DelayProxy.start({ targetPort: pooler.port });
      const log = await openTestLog(proxy.urlOf(place.serviceUrl), { timeoutMs: 6_000 });
      await log.trail.record(event);
      proxy.loseAnswers();
      const outcome = log.trail.record(event).then(
        () => true,
        () => false,
      );
      await expect.poll(async () => entries(place.superuserUrl)).toBe(2);
      proxy.cut();
      // Known to be committed, or given up at its deadline: the entry is there once, and the log continues.
      expect(await outcome).toBeTypeOf('boolean');
      await expect
        .poll(async () =>
          log.trail.record(event).then(
            ({ index }) => index,
            () => undefined,
          ),
        )
        .toBeGreaterThanOrEqual(2);
      expect(await entries(place.superuserUrl)).toBeGreaterThanOrEqual(3);
      await log.close();
      await proxy.stop();
    });

    it('has sessions that its SQL depends on, whatever the database has', async () => {
      const other = await cloneDatabase({ ...inject('cluster'), servicePort: pooler.port });
      onTestFinished(async () => other.close());
      const change = `ALTER DATABASE ${other.name}`;
      await execute(other.superuserUrl, `${change} SET DateStyle = 'German'`);
      await execute(other.superuserUrl, `${change} SET standard_conforming_strings = off`);
      const statement = `SELECT '2026-11-27 12:00:00+00'::timestamptz AS at, '\\x41'::bytea AS bytes`;
      const expected = { at: new Date('2026-11-27T12:00:00Z'), bytes: Buffer.from('A') };
      await expect(open(8_000, other).query(statement)).resolves.toEqual([expected]);
      await execute(other.superuserUrl, `${change} SET array_nulls = off`);
      await execute(other.superuserUrl, `${change} SET search_path = nope`);
      await other.close(); // the pooler's sessions too
      await expect(open(8_000, other).query(statement)).rejects.toMatchObject({
        cause: {
          message: expect.stringMatching(/array_nulls \(off\), search_path \(nope\)/) as string,
        },
      });
    });

    it('migrates, also twice at once', async () => {
      const options = {
        databaseUrl: pooler.urlOf(place.ownerUrl),
        serviceRole: 'identity_service',
      };
      const nothing = { done: [], newer: [] };
      expect(await Promise.all([migrate(options), migrate(options)])).toEqual([nothing, nothing]);
    });
  },
);

async function entries(url: string): Promise<number> {
  const [row] = await execute(url, 'SELECT count(*) FROM audit_entry');
  return Number((row as { count: string }).count);
}
