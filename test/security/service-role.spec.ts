import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';

// What the service's role may do with a table, by column. A table that is not here is not accessible, a
// column that is not here can't be written: a new one has to be added to this list.
const MAPPING_STATE = ['status', 'communication_user_id', 'display_name', 'version'];
const REVOKED = ['revoked_through', 'tokens_since'];
const LEASE = ['lease_holder', 'lease_expires_at'];
interface Access {
  readonly insert?: readonly string[];
  readonly update?: readonly string[];
  readonly delete?: true;
}
const ACCESS: Readonly<Record<string, Access>> = {
  schema_migration: {},
  mapping: {
    insert: [
      ...['id', 'resource', 'tenant', 'subject', 'kind', 'created_at', 'updated_at', 'deleted_at'],
      ...['token_generation', 'is_revoking', ...MAPPING_STATE, ...LEASE, 'revoked_through'],
    ],
    update: [
      ...['token_generation', 'is_revoking', ...MAPPING_STATE, ...LEASE, ...REVOKED],
      ...['updated_at', 'deleted_at'],
    ],
  },
  revocation: {
    insert: [
      ...['id', 'number', 'tenant', 'client_app', 'kind', 'resource', 'issued_before', 'reason'],
      ...['invitation', 'is_marking_assignments'],
    ],
    update: [
      ...['identities', 'assignments', 'finished_at', 'worked_at', 'is_marking_assignments'],
      ...LEASE,
    ],
  },
  revocation_target: { insert: ['revocation_id', 'mapping_id'], delete: true },
  mapping_orphan: {
    insert: ['communication_user_id', 'mapping_id', ...LEASE],
    update: ['deleted_at', ...LEASE],
  },
  audit_entry: {
    insert: [
      ...['entry_index', 'recorded_at', 'id', 'action', 'outcome', 'reason_code', 'reason_detail'],
      ...['actor_kind', 'actor_tenant', 'actor_subject', 'client_app', 'target_tenant'],
      ...['target_subject', 'identity_id', 'communication_user_id', 'token_fingerprint', 'leaf'],
      ...['facet', 'search_ids'],
    ],
  },
  audit_personal: {
    insert: [
      ...['entry_index', 'recorded_at', 'whose', 'client_address', 'user_agent', 'display_name'],
      'salts',
    ],
  },
  audit_head: {
    insert: ['size', 'from_size', 'root', 'recorded_at', 'leaf_hashes', 'checkpoint'],
  },
  audit_tile: { insert: ['level', 'tile_index', 'hashes', 'root'] },
  audit_fingerprint_key: { insert: ['id', 'first_index'] },
  audit_signing_keys: { insert: ['from_size', 'keys'] },
  audit_statistic: { insert: ['dimension', 'hour', 'value', 'entries'] },
  audit_statistic_run: { insert: ['end_at', 'start_at'] },
  audit_sink: {
    insert: ['name', 'next_index'],
    update: [
      ...['next_index', 'lease_holder', 'lease_expires_at', 'delivered_at', 'failure'],
      ...['failure_detail', 'failing_since', 'failure_count', 'retry_at'],
    ],
  },
  audit_cosigned_checkpoint: {
    insert: ['size', 'cosignatures', 'has_quorum', 'cosigned_at'],
    update: ['cosignatures', 'cosigned_at', 'has_quorum'],
    delete: true,
  },
  audit_cosigning: { update: ['lease_expires_at', 'lease_holder'] },
  audit_witness: {
    insert: [
      ...['name', 'cosigned_size', 'failure', 'failure_detail', 'failing_since'],
      ...['failure_count', 'retry_at'],
    ],
    update: [
      ...['cosigned_size', 'failing_since', 'failure', 'failure_count', 'failure_detail'],
      'retry_at',
    ],
  },
  audit_verification: {
    insert: ['part'],
    update: ['findings', 'pass_started_at', 'position', 'progress'],
  },
  teams_phone_assignment: {
    insert: [
      ...['id', 'resource', 'tenant', 'object_id', 'created_at', 'lease_expires_at'],
      ...['principal_type', 'client_ids', 'status', 'version', 'updated_at', 'renewed_through'],
    ],
    update: [
      ...['principal_type', 'client_ids', 'status', 'version', 'updated_at', 'deleted_at'],
      ...['lease_holder', 'lease_expires_at', 'renewed_through'],
    ],
  },
  invitation: {
    insert: ['id', 'tenant', 'meeting', 'scopes', 'max_uses', 'expires_at', 'hash', 'key_version'],
    update: ['uses', 'ended_at'],
    delete: true,
  },
  visitor: {
    insert: ['id', 'invitation_id', 'due_at'],
    update: ['status', 'due_at'],
    delete: true,
  },
  token_cache: {
    insert: [
      ...['mapping_id', 'variant', 'token_generation', 'policy_version', 'sealed', 'wrapped_key'],
      ...['key_version', 'expires_on', 'reusable_until', 'fingerprint', 'fingerprint_key'],
      'secret_version',
    ],
    update: [
      ...['token_generation', 'policy_version', 'sealed', 'wrapped_key', 'key_version'],
      ...['expires_on', 'reusable_until', 'fingerprint', 'fingerprint_key', 'secret_version'],
    ],
    delete: true,
  },
  token_quota: { insert: ['identity', 'issued_at'], update: ['issued_at'], delete: true },
  acs_request_budget: { insert: ['resource', 'operation'], update: ['state'] },
  acs_budget_appointment: {
    insert: ['resource', 'operation', 'person', 'turn', 'due_at'],
    update: ['turn', 'due_at'],
    delete: true,
  },
  secret_notice: {
    insert: ['name', 'version', 'noticed_at'],
    update: ['version', 'noticed_at'],
  },
  request_usage: { insert: ['minute', 'key', 'used'], update: ['used'], delete: true },
};

const FUNCTIONS = [
  'audit_begin_append(integer,bigint,bytea)',
  'audit_create_partitions(integer)',
  'audit_erase_personal(timestamp with time zone,bigint)',
  'audit_expect(bigint,bigint)',
  'audit_facet(bytea)',
  'audit_lock_head(integer)',
  'audit_lock_head_at(bigint,bytea)',
  'audit_require_head(bigint,bytea)',
  'audit_search_ids(bytea)',
];

/** Those that run with the rights of the owner. */
const OF_OWNER = [
  'audit_create_partitions(integer)',
  'audit_erase_personal(timestamp with time zone,bigint)',
];

const NOT_SYSTEM = `n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'`;

let database: TestDatabase;
let service: pg.Client;
let superuser: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  service = await connect(database.serviceUrl);
  superuser = await connect(database.superuserUrl);
  // A partition that is created after `migrate` is treated like the others.
  await service.query('SELECT audit_create_partitions(5)');
});

afterAll(async () => {
  await service.end();
  await superuser.end();
  await database.close();
});

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

/** Executes a statement without an effect. @returns whether the role has the privileges that it needs */
async function isPermitted(statement: string): Promise<boolean> {
  await service.query('BEGIN');
  try {
    await service.query(statement);
    return true;
  } catch (error) {
    if ((error as pg.DatabaseError).code !== '42501') throw error; // errors of pg have a code
    return false;
  } finally {
    await service.query('ROLLBACK');
  }
}

async function tables(): Promise<{ name: string; columns: string[] }[]> {
  const { rows } = await superuser.query<{ name: string; columns: string[] }>(
    `SELECT c.oid::regclass::text AS name, array_agg(attname::text ORDER BY attnum) AS columns
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = c.oid
     WHERE ${NOT_SYSTEM} AND relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped
     GROUP BY c.oid ORDER BY 1`,
  );
  return rows;
}

describe('the service’s database role', () => {
  it('inserts, updates and deletes what the service does, by column, and nothing else', async () => {
    const found = await tables();
    expect(found.length).toBeGreaterThan(Object.keys(ACCESS).length); // partitions
    const actual: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const { name, columns } of found) {
      const permitted = async (statement: (column: string) => string): Promise<string[]> => {
        const answers: string[] = [];
        for (const one of columns) if (await isPermitted(statement(`"${one}"`))) answers.push(one);
        return answers.sort();
      };
      actual[name] = {
        select: await isPermitted(`SELECT FROM ${name} LIMIT 0`),
        insert: await permitted((one) => `INSERT INTO ${name} (${one}) SELECT NULL WHERE false`),
        update: await permitted((one) => `UPDATE ${name} SET ${one} = NULL WHERE false`),
        delete: await isPermitted(`DELETE FROM ${name} WHERE false`),
        truncate: await isPermitted(`TRUNCATE ${name} CASCADE`),
      };
      const access = ACCESS[name];
      expected[name] = {
        select: access !== undefined,
        insert: access?.insert?.toSorted() ?? [],
        update: access?.update?.toSorted() ?? [],
        delete: access?.delete ?? false,
        truncate: false,
      };
    }
    expect(actual).toEqual(expected);
  });

  it('has no privilege to define anything on a table, and owns nothing', async () => {
    const { rows: held } = await superuser.query(
      `SELECT c.oid::regclass AS "table", privilege
       FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace,
            unnest(ARRAY['REFERENCES', 'TRIGGER', 'TRUNCATE', 'MAINTAIN']) AS privilege
       WHERE ${NOT_SYSTEM} AND relkind IN ('r', 'p', 'v', 'm', 'f')
         AND has_table_privilege('identity_service', c.oid, privilege)
          OR relkind = 'S' AND has_sequence_privilege('identity_service', c.oid, 'USAGE, SELECT, UPDATE')`,
    );
    expect(held).toEqual([]);
    const { rows: owned } = await superuser.query(
      `SELECT FROM pg_shdepend WHERE deptype = 'o' AND refobjid = 'identity_service'::regrole`,
    );
    expect(owned).toEqual([]);
  });

  it.each([
    'CREATE TABLE mine ()',
    'CREATE SCHEMA mine',
    'CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql RETURN 1',
    `SELECT nextval('schema_migration_id_seq')`,
    'CREATE TRIGGER mine BEFORE UPDATE ON mapping FOR EACH ROW EXECUTE FUNCTION token_cache_forget()',
    'ALTER TABLE mapping DISABLE TRIGGER ALL',
    'DROP TRIGGER audit_append_only ON audit_entry',
    'SET session_replication_role = replica',
    'SET ROLE identity_owner',
    'SET SESSION AUTHORIZATION identity_owner',
    'LOCK TABLE mapping IN ACCESS EXCLUSIVE MODE',
    `CALL audit_protect('mapping')`,
    `COPY mapping FROM '/dev/null'`,
    `COPY (SELECT) TO PROGRAM 'true'`,
    'CREATE ROLE mine',
    'ALTER DATABASE template1 SET search_path = mine',
  ])('may not: %s', async (statement) => {
    expect(await isPermitted(statement)).toBe(false);
  });

  it('passes no privilege on', async () => {
    await service.query('GRANT SELECT ON mapping TO PUBLIC'); // PostgreSQL only warns
    const { rows } = await superuser.query(
      `SELECT has_table_privilege('public', 'mapping', 'SELECT') AS held`,
    );
    expect(rows).toEqual([{ held: false }]);
  });

  it('executes the functions of the log that the service calls, and no other', async () => {
    const { rows } = await superuser.query<{ name: string; public: boolean }>(
      `SELECT p.oid::regprocedure::text AS name, has_function_privilege('public', p.oid, 'EXECUTE') AS public
       FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
       WHERE ${NOT_SYSTEM} AND has_function_privilege('identity_service', p.oid, 'EXECUTE') ORDER BY 1`,
    );
    expect(rows).toEqual(FUNCTIONS.map((name) => ({ name, public: false })));
  });
});

describe('a function that runs with the rights of the owner', () => {
  it('resolves names in the schema of the log before those of the caller', async () => {
    const { rows } = await superuser.query<{ name: string; config: string[] | null }>(
      `SELECT p.oid::regprocedure::text AS name, proconfig AS config
       FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE ${NOT_SYSTEM} AND prosecdef`,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual(OF_OWNER);
    for (const { config } of rows) {
      expect(config).toEqual(['search_path=public, pg_temp']);
    }
  });

  it.each([
    ['audit_entry', 'SELECT audit_erase_personal(now(), 1)'],
    ['audit_head', 'SELECT audit_erase_personal(now(), 1)'],
    ['audit_entry', 'SELECT audit_create_partitions(9)'],
    ['audit_personal', 'SELECT audit_create_partitions(10)'],
  ])('runs no code of a caller who hides %s: %s', async (table, call) => {
    const caller = await connect(database.serviceUrl);
    try {
      await caller.query(
        `CREATE FUNCTION pg_temp.executed() RETURNS SETOF public.${table} LANGUAGE plpgsql AS $$
         BEGIN
           RAISE EXCEPTION 'executed as %', current_user USING ERRCODE = 'P9999';
         END $$`,
      );
      await caller.query(
        `CREATE TEMPORARY VIEW ${table} AS SELECT * FROM pg_temp.executed();
         GRANT ALL ON pg_temp.${table} TO PUBLIC`,
      );
      const outcome = await caller.query(call).then(
        () => 'done',
        (error: unknown) => (error as pg.DatabaseError).message, // pg rejects with its own errors
      );
      expect(outcome).toMatch(/^(done|entry 1 erases nobody)$/);
    } finally {
      await caller.end();
    }
  });

  it('erases nothing for an entry that the log does not contain', async () => {
    await superuser.query(
      `INSERT INTO audit_entry (entry_index, recorded_at, id, action, outcome, actor_kind, actor_tenant,
                                actor_subject, target_subject, leaf)
       VALUES (0, now(), gen_random_uuid(), 'token.issue', 'success', 'user', 't', 's', 'x', '')`,
    );
    await superuser.query(
      `INSERT INTO audit_personal
       SELECT entry_index, recorded_at, 'actor', '192.0.2.1', NULL, NULL, '' FROM audit_entry`,
    );
    await service.query(
      `INSERT INTO audit_entry (entry_index, recorded_at, id, action, outcome, actor_kind, leaf)
       VALUES (1000, '2026-01-01Z', gen_random_uuid(), 'audit.erase', 'success', 'user',
               convert_to('{"target":{"tenant":"t","subject":"s"}}', 'UTF8'))`,
    );
    const erasure = service.query(`SELECT audit_erase_personal('2026-01-01Z', 1000)`);
    await expect(erasure).rejects.toThrow('entry 1000 erases nobody');
    const { rows } = await superuser.query('SELECT FROM audit_personal');
    expect(rows).toHaveLength(1);
  });
});
