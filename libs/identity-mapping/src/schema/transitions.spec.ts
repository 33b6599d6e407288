import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { MAPPING_STATUSES } from '../model/mapping.js';

/** A status, and whether a revocation is to be confirmed by ACS. */
type State = `${(typeof MAPPING_STATUSES)[number]}${'' | ' revoking'}`;

const STATES: readonly State[] = MAPPING_STATUSES.flatMap((status) =>
  status === 'active' || status === 'suspended'
    ? [status, `${status} revoking` as const]
    : [status],
);

/** The changes that the service makes. `+` begins a generation of tokens. */
const TRANSITIONS: readonly string[] = [
  ...['pending → active', 'pending → deleted'],
  ...['active → active revoking +', 'active → suspended revoking +', 'active → deleting +'],
  ...['active revoking → active', 'active revoking → active revoking +'],
  ...['active revoking → suspended revoking +', 'active revoking → deleting +'],
  ...['suspended → active', 'suspended → suspended revoking +', 'suspended → deleting +'],
  ...['suspended revoking → suspended', 'suspended revoking → suspended revoking +'],
  ...['suspended revoking → active revoking', 'suspended revoking → deleting +'],
  'deleting → deleted',
];

const FIRST_STATES: readonly State[] = ['pending', 'active', 'suspended revoking'];

type Role = 'service' | 'superuser';

let database: TestDatabase;
let clients: Readonly<Record<Role | 'fixtures', pg.Client>>;

beforeAll(async () => {
  database = await testDatabase();
  const [service, superuser, fixtures] = await Promise.all([
    connect(database.serviceUrl),
    connect(database.superuserUrl),
    connect(database.superuserUrl),
  ]);
  await fixtures.query('SET session_replication_role = replica'); // no trigger refuses its rows
  clients = { service, superuser, fixtures };
});

afterAll(async () => {
  await Promise.all(Object.values(clients).map(async (client) => client.end()));
  await database.close();
});

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

type Row = Record<string, unknown>;

/** The columns that a row in the state needs, so that no CHECK constraint refuses it. */
function columnsOf(state: State): Row {
  const [status] = state.split(' ');
  return {
    status,
    is_revoking: state.endsWith('revoking'),
    communication_user_id: status === 'pending' ? null : `8:acs:${randomUUID()}`,
    lease_expires_at: new Date(),
    deleted_at: status === 'deleted' ? new Date() : null,
  };
}

/**
 * Writes in a transaction that is rolled back.
 *
 * @param before the fifth version of the row; absent: there is none
 * @returns the trigger or the missing privilege that refused it
 */
async function attempt(
  role: Role,
  before: Row | undefined,
  write: (client: pg.Client, id: string) => Promise<unknown>,
): Promise<string | undefined> {
  const client = clients[role];
  const id = randomUUID();
  if (before) await insert(clients.fixtures, { id, version: 5, token_generation: 3, ...before });
  await client.query('BEGIN');
  try {
    await write(client, id);
    return undefined;
  } catch (error) {
    const { code, constraint } = error as pg.DatabaseError; // pg rejects with its own errors
    if (code === '42501') return 'privilege';
    const isOfTrigger = code === '23514' || code === '23505';
    if (!isOfTrigger || constraint === undefined || constraint.endsWith('_check')) throw error;
    return constraint;
  } finally {
    await client.query('ROLLBACK');
  }
}

async function insert(client: pg.Client, row: Row): Promise<void> {
  const identity = { resource: 'default', tenant: 'contoso', subject: randomUUID(), kind: 'user' };
  const columns = { ...identity, ...row };
  const names = Object.keys(columns);
  await client.query(
    `INSERT INTO mapping (${names.join(', ')}) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(columns),
  );
}

async function update(client: pg.Client, id: string, row: Row): Promise<void> {
  const set = Object.keys(row).map((name, n) => `${name} = $${n + 2}`);
  await client.query(`UPDATE mapping SET ${set.join(', ')} WHERE id = $1`, [
    id,
    ...Object.values(row),
  ]);
}

describe.each(['service', 'superuser'] as const)('for the %s, the map of identities', (role) => {
  it('allows the transitions of the service and no other', async () => {
    const allowed: string[] = [];
    for (const [from, to] of STATES.flatMap((one) =>
      STATES.map((other) => [one, other] as const),
    )) {
      for (const generations of [-1, 0, 1, 2]) {
        const [before, after] = [columnsOf(from), columnsOf(to)];
        const stored = before.communication_user_id;
        const change = {
          ...after,
          version: from === to && generations === 0 ? 5 : 6,
          token_generation: 3 + generations,
          communication_user_id:
            to === 'pending'
              ? null
              : to === 'deleted'
                ? stored
                : (stored ?? after.communication_user_id),
        };
        const write = async (client: pg.Client, id: string): Promise<void> =>
          update(client, id, change);
        if ((await attempt(role, before, write)) !== undefined) continue;
        allowed.push(`${from} → ${to}${['', ' +', ' + +'][generations] ?? ' -'}`);
      }
    }
    const unchanged = STATES.filter((state) => state !== 'deleted').map((one) => `${one} → ${one}`);
    expect(allowed.sort()).toEqual([...TRANSITIONS, ...unchanged].sort());
  });

  it('adds mappings in the states that the service adds, in their first version', async () => {
    const add = async (row: Row): Promise<string | undefined> =>
      attempt(role, undefined, async (client, id) => insert(client, { id, ...row }));
    for (const state of STATES) {
      const refusal = FIRST_STATES.includes(state) ? undefined : 'mapping_first_version';
      expect(await add(columnsOf(state)), state).toBe(refusal);
    }
    for (const later of [{ version: 2 }, { token_generation: 2 }]) {
      expect(await add({ ...columnsOf('active'), ...later })).toBe('mapping_first_version');
    }
  });

  it.each(STATES)('never changes what identifies a mapping that is %s', async (state) => {
    const { rows } = await clients.fixtures.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute
       WHERE attrelid = 'mapping'::regclass AND attnum > 0 AND NOT attisdropped`,
    );
    const other: Row = {
      ...{ id: randomUUID(), resource: 'other', tenant: 'other', subject: 'other', kind: 'bot' },
      ...{ created_at: new Date(0), communication_user_id: '8:acs:other', is_additional: true },
    };
    const mutable: string[] = [];
    for (const { name } of rows) {
      if (!(name in other)) mutable.push(name);
      else if (name !== 'communication_user_id' || state !== 'pending') {
        const refusal = await attempt(role, columnsOf(state), async (client, id) =>
          update(client, id, { [name]: other[name], version: 6 }),
        );
        expect(refusal, name).toBeDefined();
      }
    }
    expect(mutable.sort()).toEqual([
      ...['deleted_at', 'display_name', 'is_revoking', 'lease_expires_at', 'lease_holder'],
      ...['revoked_through', 'status', 'token_generation', 'tokens_since', 'updated_at', 'version'],
    ]);
  });

  it('changes the version with the mapping, by one, and not without it', async () => {
    const rename = async (version: number, name: string | null): Promise<string | undefined> =>
      attempt(role, columnsOf('active'), async (client, id) =>
        update(client, id, { version, display_name: name }),
      );
    expect(await rename(6, 'Alice')).toBeUndefined();
    for (const [version, name] of [
      ...[[5, 'Alice'] as const, [4, 'Alice'] as const, [7, 'Alice'] as const],
      ...[[6, null] as const, [4, null] as const],
    ]) {
      expect(await rename(version, name)).toBe('mapping_version');
    }
  });

  it('moves a lease without a new version, except that of a tombstone', async () => {
    for (const state of STATES) {
      const refusal = await attempt(role, columnsOf(state), async (client, id) =>
        update(client, id, { lease_holder: randomUUID(), lease_expires_at: new Date() }),
      );
      expect(refusal, state).toBe(state === 'deleted' ? 'mapping_tombstone' : undefined);
    }
  });

  it('renames no mapping that is being deleted, and leaves no name in a tombstone', async () => {
    const write = async (row: Row): Promise<string | undefined> =>
      attempt(role, { ...columnsOf('deleting'), display_name: 'Alice' }, async (client, id) =>
        update(client, id, { version: 6, ...row }),
      );
    expect(await write({ display_name: 'Bob' })).toBe('mapping_transition');
    const deleted = { status: 'deleted', deleted_at: new Date() };
    expect(await write(deleted)).toBe('mapping_transition');
    expect(await write({ ...deleted, display_name: null })).toBeUndefined();
  });

  it('deletes no row', async () => {
    for (const table of ['mapping', 'mapping_orphan', 'revocation']) {
      for (const statement of [`DELETE FROM ${table}`, `TRUNCATE ${table} CASCADE`]) {
        const refusal = await attempt(role, undefined, async (client) => client.query(statement));
        expect(refusal).toBe(role === 'service' ? 'privilege' : `${table}_permanent`);
      }
    }
  });

  it('begins a generation that ACS has confirmed for a mass revocation only, and forgets none', async () => {
    const next = { token_generation: 4, version: 6 };
    const write = async (change: Row): Promise<string | undefined> =>
      attempt(role, { ...columnsOf('active'), revoked_through: 3 }, async (client, id) =>
        update(client, id, change),
      );
    expect(await write({ ...next, revoked_through: 4 })).toBeUndefined();
    expect(await write({ ...next, revoked_through: 3 })).toBe('mapping_token_generation');
    expect(await write({ revoked_through: 2 })).toBe('mapping_revoked_through');
  });

  it('finishes a mass revocation once, and never changes whom it concerns', async () => {
    const write = async (set: string): Promise<string | undefined> =>
      attempt(role, undefined, async (client, id) => {
        await client.query(
          `INSERT INTO revocation (id, number, reason) VALUES ($1, 1000000, 'a leak')`,
          [id],
        );
        await client.query('UPDATE revocation SET finished_at = now()');
        await client.query(`UPDATE revocation SET ${set}`);
      });
    expect(await write('finished_at = NULL')).toBe('revocation_identity');
    for (const change of [`tenant = 'fabrikam'`, 'number = number + 1', `reason = 'none'`]) {
      const refusal = role === 'service' ? 'privilege' : 'revocation_identity';
      expect(await write(change), change).toBe(refusal);
    }
  });

  it('keeps orphans and the identities of mappings apart', async () => {
    const active = columnsOf('active');
    const orphan = `INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_expires_at)
      VALUES ($1, $2, now())`;
    const add = async (client: pg.Client, id: string): Promise<unknown> =>
      client.query(orphan, [active.communication_user_id, id]);
    expect(await attempt(role, active, add)).toBe('mapping_orphan_unmapped');
    const next = { status: 'active', communication_user_id: `8:acs:${randomUUID()}`, version: 6 };
    const activate = async (client: pg.Client, id: string): Promise<void> => {
      await client.query(orphan, [next.communication_user_id, id]);
      await update(client, id, next);
    };
    expect(await attempt(role, columnsOf('pending'), activate)).toBe('mapping_no_orphan');
    const other = { ...active, id: randomUUID(), communication_user_id: `8:acs:${randomUUID()}` };
    const addMapping = async (client: pg.Client, id: string): Promise<void> => {
      await client.query(orphan, [other.communication_user_id, id]);
      await insert(client, other);
    };
    expect(await attempt(role, columnsOf('pending'), addMapping)).toBe('mapping_new_no_orphan');
  });

  it('finishes an orphan once, and never gives it to another mapping', async () => {
    const userId = `8:acs:${randomUUID()}`;
    const write = async (more: string): Promise<string | undefined> =>
      attempt(role, columnsOf('pending'), async (client, id) => {
        await client.query(
          `INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_expires_at)
           VALUES ($1, $2, now())`,
          [userId, id],
        );
        const set = `UPDATE mapping_orphan SET lease_expires_at = NULL, deleted_at = now()`;
        await client.query(`${set} WHERE communication_user_id = $1`, [userId]);
        if (more !== '') await client.query(`UPDATE mapping_orphan SET ${more}`);
      });
    expect(await write('')).toBeUndefined();
    expect(await write('lease_expires_at = now(), deleted_at = NULL')).toBe(
      'mapping_orphan_tombstone',
    );
    expect(await write("deleted_at = now() + interval '1 day'")).toBe('mapping_orphan_tombstone');
    expect(await write(`communication_user_id = '8:acs:x'`)).toBe(
      role === 'service' ? 'privilege' : 'mapping_orphan_identity',
    );
  });
});
