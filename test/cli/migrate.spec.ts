import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Emulator, startEmulator } from '../../apps/emulator/src/index.js';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { migrate as runMigrationsOf } from '../../apps/cli/src/actions/migrate.js';
import { acsIdentity } from '../support/acs-identity.js';
import { explain } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';

describe('acs-identity migrate', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(async () => {
    await database.close();
  });

  it('changes nothing when the schema is up to date, also when two run at once', async () => {
    const args = [
      'migrate',
      '--database-url',
      database.ownerUrl,
      '--service-role',
      'identity_service',
    ];
    const endings = await Promise.all([acsIdentity(args), acsIdentity(args)]);
    for (const { code, stdout, stderr } of endings) {
      expect(stderr).toMatch(/^(The migration waits for another migration, .*\n)*$/);
      expect(code).toBe(0);
      expect(stdout).toContain('up to date');
    }
  });

  it('does the work once when three start at the same time on an empty database', async () => {
    const name = `empty_${randomBytes(6).toString('hex')}`;
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    try {
      await superuser.query(`CREATE DATABASE ${name} OWNER identity_owner`);
      const databaseUrl = database.ownerUrl.replace(database.name, name);
      const options = { databaseUrl, serviceRole: 'identity_service' };
      const results = await Promise.all([1, 2, 3].map(async () => runMigrationsOf(options)));
      expect(results.map(({ done }) => done.length > 0).sort()).toEqual([false, false, true]);
    } finally {
      await superuser.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await superuser.end();
    }
  });

  it('refuses a database that can not store every name, before it has done anything', async () => {
    const name = `latin_${randomBytes(6).toString('hex')}`;
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    try {
      await superuser.query(
        `CREATE DATABASE ${name} OWNER identity_owner ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`,
      );
      const databaseUrl = database.ownerUrl.replace(database.name, name);
      const migrating = runMigrationsOf({ databaseUrl, serviceRole: 'identity_service' });
      await expect(migrating).rejects.toThrow(/its encoding is LATIN1, .*ENCODING UTF8/s);
    } finally {
      await superuser.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await superuser.end();
    }
  });

  it.each([
    ['the table schema_migration', 'LOCK TABLE schema_migration'],
    ['another migration', `SELECT pg_advisory_xact_lock(hashtext('acs-identity migrate'))`],
  ])(
    'names %s that it waits for and who keeps it, and gives up with the remedy',
    async (what, sql) => {
      const keeper = new pg.Client({
        connectionString: database.ownerUrl,
        application_name: 'nightly report',
      });
      await keeper.connect();
      try {
        await keeper.query('BEGIN');
        await keeper.query(sql);
        const { rows } = await keeper.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        const { code, stderr } = await acsIdentity(['migrate', '--wait', '2'], {
          environment: {
            DATABASE_OWNER_URL: database.ownerUrl,
            DATABASE_SERVICE_ROLE: 'identity_service',
          },
        });
        const who = `pid ${rows[0]?.pid} (identity_owner, nightly report, idle in transaction), query since 20`;
        expect(stderr).toContain(`The migration waits for ${what}, kept by ${who}`);
        expect(stderr).toContain('The migration gave up after 2 s');
        expect(stderr).toContain('migrate again, or wait longer with --wait <seconds>');
        expect(code).toBe(1);
      } finally {
        await keeper.end();
      }
    },
  );

  it('prints how to create the service’s role when it is missing', async () => {
    const { code, stderr } = await acsIdentity(['migrate'], {
      environment: {
        DATABASE_OWNER_URL: database.ownerUrl,
        DATABASE_SERVICE_ROLE: 'missing_role',
      },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('CREATE ROLE "missing_role"');
    expect(stderr).not.toContain(database.ownerUrl);
  });

  describe('as the role of the service', () => {
    let directory = '';
    let emulator: Emulator;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'acs-identity-migrate-'));
      emulator = await startEmulator({ directory });
    });
    afterAll(async () => {
      await emulator.stop();
      await rm(directory, { recursive: true });
    });

    it.each([['migrate'], ['audit', 'retain', '--before', '2020-01-01', '--yes']])(
      '%s %s: does nothing, and names the role and the variable',
      async (...args) => {
        const { code, stdout, stderr } = await acsIdentity(args, {
          environment: {
            ...apiEnvironment(emulator, database.serviceUrl),
            DATABASE_OWNER_URL: database.serviceUrl,
            DATABASE_SERVICE_ROLE: 'identity_service',
          },
        });
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toContain('The role identity_service does not own the schema');
        expect(stderr).toContain('Set DATABASE_OWNER_URL');
        expect(stderr).toContain('the role identity_owner');
        expect(stderr).not.toContain('run acs-identity migrate');
      },
    );
  });

  it('names the missing options', async () => {
    const { code, stderr } = await acsIdentity(['migrate']);
    expect(code).toBe(1);
    expect(stderr).toContain('--database-url');
  });

  it('grants the service’s role no change of the audit log', async () => {
    const client = new pg.Client({ connectionString: database.serviceUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string }>(
        // Old cosignatures go; they are no part of the log.
        `SELECT tablename AS name FROM pg_tables
         WHERE tablename LIKE 'audit%' AND tablename <> 'audit_cosigned_checkpoint'`,
      );
      expect(rows.length).toBeGreaterThan(3);
      for (const { name } of rows) {
        for (const statement of [`DELETE FROM ${name}`, `TRUNCATE ${name}`, `DROP TABLE ${name}`]) {
          await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
        }
      }
      await expect(client.query('UPDATE audit_entry SET outcome = outcome')).rejects.toMatchObject({
        code: '42501',
      });
      await expect(client.query('CREATE TABLE mine ()')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.end();
    }
  });

  const migrate = async (serviceRole: string): ReturnType<typeof runMigrationsOf> =>
    runMigrationsOf({ databaseUrl: database.ownerUrl, serviceRole });

  it('refuses the owner of the schema as the role of the service, and revokes nothing from it', async () => {
    const owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    try {
      await expect(migrate('identity_owner')).rejects.toThrow(/owns the schema/);
      const { rows } = await owner.query(
        `SELECT has_table_privilege('audit_personal', 'UPDATE, DELETE') AS may`,
      );
      expect(rows).toEqual([{ may: true }]);
    } finally {
      await owner.end();
    }
  });

  it('revokes the wider privileges that an older release, or an operator, has granted', async () => {
    const owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    try {
      await owner.query(`
        GRANT SELECT, INSERT, UPDATE ON mapping, mapping_orphan, acs_request_budget TO identity_service;
        GRANT SELECT, INSERT, UPDATE, DELETE
          ON token_cache, token_quota, request_usage, acs_budget_appointment TO identity_service;
        GRANT ALL ON audit_entry, audit_entry_other, schema_migration TO identity_service WITH GRANT OPTION;
        GRANT UPDATE (tenant) ON mapping TO PUBLIC;
        GRANT ALL ON SEQUENCE schema_migration_id_seq TO identity_service;
        GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO PUBLIC;
        GRANT CREATE ON SCHEMA public TO PUBLIC;
        ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO identity_service;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC`);
      await migrate('identity_service');
      await owner.query('SELECT audit_create_partitions(6)');
      const { rows } = await owner.query<{ privilege: string }>(
        `SELECT c.relname || '.' || attname || ' ' || privilege AS privilege
         FROM pg_class c JOIN pg_attribute ON attrelid = c.oid,
              unnest(ARRAY['UPDATE', 'REFERENCES']) AS privilege
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0
           AND has_column_privilege('identity_service', c.oid, attnum, privilege) ORDER BY 1`,
      );
      const found = rows.map((row) => row.privilege);
      expect(found).toContain('mapping.status UPDATE');
      expect(
        found
          .filter((one) => /^audit_(?!sink\.|verification\.)|tenant|kind|REFERENCES/.test(one))
          .filter((one) => !/^audit_(witness|cosigned_checkpoint|cosigning)\./.test(one)),
      ).toEqual([]);
      const { rows: other } = await owner.query(
        `SELECT FROM pg_class c WHERE relnamespace = 'public'::regnamespace
           AND (relkind = 'S' AND has_sequence_privilege('identity_service', c.oid, 'USAGE')
                OR relispartition AND has_table_privilege('identity_service', c.oid, 'SELECT'))
         UNION ALL SELECT WHERE has_schema_privilege('identity_service', 'public', 'CREATE')
         UNION ALL SELECT WHERE has_function_privilege('public', 'audit_protect(regclass)', 'EXECUTE')`,
      );
      expect(other).toEqual([]);
    } finally {
      await owner.end();
    }
  });

  it.each([
    ['is a superuser', 'ALTER ROLE %I SUPERUSER', 'everything, as a superuser'],
    [
      'owns a table',
      'CREATE TABLE mine (); ALTER TABLE mine OWNER TO %I',
      'change what %I owns: table mine',
    ],
    [
      'may become the owner',
      'GRANT identity_owner TO %I',
      'change what identity_owner owns: database %D',
    ],
    ['may write everything', 'GRANT pg_write_all_data TO %I', 'DELETE on audit_entry'],
    ['may create schemas', 'GRANT CREATE ON DATABASE %D TO %I', 'CREATE on the database'],
    [
      'may switch off triggers',
      'GRANT SET ON PARAMETER session_replication_role TO %I',
      'SET on the parameter session_replication_role',
    ],
    [
      'has the privileges of everybody on a table of another owner',
      'CREATE TABLE theirs (a int); GRANT DELETE, INSERT ON theirs TO PUBLIC',
      'INSERT of the column a of theirs',
    ],
  ])('fails, after the migration, when the role %s', async (_what, sql, excess) => {
    const role = `role_${randomBytes(6).toString('hex')}`;
    const named = (text: string): string =>
      text.replaceAll('%I', role).replaceAll('%D', database.name);
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    try {
      await superuser.query(`CREATE ROLE ${role}`);
      await superuser.query(named(sql));
      const refusal = await migrate(role).then(() => '', explain);
      expect(refusal).toContain(`the role "${role}" can do more than the service needs:`);
      expect(`${refusal}\n`).toContain(`- ${named(excess)}\n`);
      const { rows } = await superuser.query(
        `SELECT has_column_privilege($1, 'mapping', 'status', 'UPDATE') AS granted`,
        [role],
      );
      expect(rows).toEqual([{ granted: true }]);
    } finally {
      await superuser.query(
        `DROP TABLE IF EXISTS theirs; DROP OWNED BY ${role}; DROP ROLE ${role}`,
      );
      await superuser.end();
    }
  });

  describe('of an older release, on the schema of a newer one', () => {
    const NEWER = 'NextRelease1999999999999';
    const open = async () => {
      const own = await testDatabase();
      const owner = new pg.Client({ connectionString: own.ownerUrl });
      onTestFinished(async () => {
        await owner.end();
        await own.close();
      });
      await owner.connect();
      await owner.query(`
        INSERT INTO schema_migration (timestamp, name) VALUES (1999999999999, '${NEWER}');
        ALTER TABLE mapping ADD next_release text;
        GRANT UPDATE (next_release), DELETE ON mapping TO identity_service;
        CREATE FUNCTION next_release() RETURNS int RETURN 1;
        REVOKE EXECUTE ON FUNCTION next_release() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION next_release() TO identity_service`);
      const run = async () =>
        acsIdentity(['migrate'], {
          environment: {
            DATABASE_OWNER_URL: own.ownerUrl,
            DATABASE_SERVICE_ROLE: 'identity_service',
          },
        });
      const privileges = async (): Promise<unknown> => {
        const { rows } = await owner.query<object>(
          `SELECT has_column_privilege('identity_service', 'mapping', 'next_release', 'UPDATE') AS column,
             has_table_privilege('identity_service', 'mapping', 'DELETE') AS table,
             has_function_privilege('identity_service', 'next_release()', 'EXECUTE') AS function,
             has_table_privilege('identity_service', 'audit_entry', 'INSERT') AS own`,
        );
        return rows[0];
      };
      return { databaseUrl: own.ownerUrl, owner, run, privileges };
    };

    it('leaves the privileges of the newer release, names its migrations, and succeeds', async () => {
      const { run, privileges } = await open();
      const { code, stdout, stderr } = await run();
      expect(await privileges()).toEqual({ column: true, table: true, function: true, own: true });
      expect(stdout).toContain(
        `of a newer release, whose migrations this one does not know: ${NEWER}`,
      );
      expect(stdout).not.toContain('up to date');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });

    it('grants what this release needs and the newer one does not', async () => {
      const { databaseUrl, owner, privileges } = await open();
      await owner.query('REVOKE INSERT ON audit_entry FROM identity_service');
      await runMigrationsOf({ databaseUrl, serviceRole: 'identity_service' });
      expect(await privileges()).toMatchObject({ column: true, own: true });
    });
  });
});
