import pg from 'pg';
import { DataSource } from 'typeorm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { testDatabase } from '../testing/test-database.js';
import { dataSourceOptions } from './data-source-options.js';
import { Database } from './database.js';
import { prepareSession, type SessionState } from './session-parameters.js';

function connect(url: string): Database {
  const source = new DataSource(dataSourceOptions({ url, poolSize: 1, timeoutMs: 10_000 }));
  onTestFinished(async () => {
    if (source.isInitialized) await source.destroy();
  });
  return new Database(source);
}

async function withDefault(parameter: string, value: string) {
  const place = await testDatabase();
  onTestFinished(async () => place.close());
  const superuser = connect(place.superuserUrl);
  await superuser.query(`ALTER DATABASE "${place.name}" SET ${parameter} = ${value}`);
  return { ...place, superuser };
}

describe('what the SQL of the service depends on', () => {
  it.each([
    ['DateStyle', 'German', 'ISO, MDY'],
    ['DateStyle', `'SQL, DMY'`, 'ISO, MDY'],
    ['TimeZone', `'Asia/Kathmandu'`, 'UTC'],
    ['standard_conforming_strings', 'off', 'on'],
    ['default_transaction_isolation', 'serializable', 'read committed'],
    ['array_nulls', 'off', 'on'],
    ['extra_float_digits', '-15', '1'],
    ['quote_all_identifiers', 'on', 'off'],
    ['client_encoding', 'latin1', 'UTF8'],
  ])(
    'is set by each session, whatever the database has: %s = %s',
    async (name, other, expected) => {
      const { serviceUrl } = await withDefault(name, other);
      const database = connect(serviceUrl);
      const [row] = await database.query<{ value: string }>('SELECT current_setting($1) AS value', [
        name,
      ]);
      expect(row?.value).toBe(expected);
    },
  );

  it.each([
    ['array_nulls', 'off', ['array_nulls (off)']],
    ['extra_float_digits', '-1', ['extra_float_digits (-1)']],
    ['extra_float_digits', '0', null],
    ['extra_float_digits', '3', null],
  ])('is looked for where a pooler is in between: %s = %s', async (name, value, different) => {
    const { serviceUrl } = await withDefault(name, value);
    const options = '-c TimeZone=UTC';
    const client = new pg.Client({ connectionString: serviceUrl, options });
    await client.connect();
    const { rows } = await client.query<SessionState>(prepareSession(0, {}));
    await client.end();
    expect(rows).toMatchObject([{ isDirect: false, different }]);
  });

  it('is set against the parameters of the address too', async () => {
    const { serviceUrl } = await withDefault('DateStyle', 'German');
    const database = connect(`${serviceUrl}?options=-cdatestyle%3DSQL%20-carray_nulls%3Doff`);
    expect(
      await database.query(
        `SELECT $1::timestamptz AS at, ARRAY[NULL, 'x']::text[] = $2::text[] AS "hasNull"`,
        ['2026-11-27 13:00:00+01', [null, 'x']],
      ),
    ).toEqual([{ at: new Date('2026-11-27T12:00:00Z'), hasNull: true }]);
  });

  it('has TLS as the address says, whatever PGSSLMODE says', async () => {
    const { serviceUrl } = await withDefault('DateStyle', 'ISO');
    vi.stubEnv('PGSSLMODE', 'require');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(connect(serviceUrl).query('SELECT 1 AS one')).resolves.toEqual([{ one: 1 }]);
  });

  it.each(['nope', `''`])('finds the tables in public with the search path %s', async (path) => {
    const { serviceUrl } = await withDefault('search_path', path);
    await expect(
      connect(serviceUrl).query('SELECT count(*)::int AS rows FROM mapping'),
    ).resolves.toEqual([{ rows: 0 }]);
  });

  it('leaves a search path that has the tables as it is', async () => {
    const { serviceUrl, superuser } = await withDefault('search_path', 'own');
    await superuser.query('CREATE SCHEMA own; CREATE TABLE own.schema_migration (name text)');
    await superuser.query('GRANT USAGE ON SCHEMA own TO PUBLIC');
    await expect(connect(serviceUrl).query('SHOW search_path')).resolves.toEqual([
      { search_path: 'own' },
    ]);
  });

  it('is not read from times in another style', async () => {
    const { serviceUrl } = await withDefault('DateStyle', 'German');
    const database = connect(serviceUrl);
    const reading = database.run(async (manager) =>
      manager.transaction(async (transaction) => {
        await transaction.query(`SET LOCAL DateStyle = 'German'`);
        return transaction.query<unknown>('SELECT now() AS at');
      }),
    );
    await expect(reading).rejects.toThrow('a time that is not ISO');
  });

  it('refuses a database that can not store every name, and says what to do', async () => {
    const { superuser, superuserUrl, name } = await withDefault('DateStyle', 'ISO');
    const latin = `${name}_latin`;
    await superuser.query(
      `CREATE DATABASE ${latin} ENCODING 'WIN1252' LOCALE 'C' TEMPLATE template0`,
    );
    const url = new URL(superuserUrl);
    url.pathname = `/${latin}`;
    await expect(connect(url.href).query('SELECT 1')).rejects.toMatchObject({
      cause: {
        message: expect.stringMatching(/its encoding is WIN1252, .*ENCODING UTF8/s) as string,
      },
    });
    await superuser.query(`DROP DATABASE ${latin} WITH (FORCE)`);
  });
});
