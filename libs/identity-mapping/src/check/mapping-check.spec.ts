import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { Database, dataSourceOptions, SystemClock, type Transaction } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { auditTargetOf, type Mapping, type ProvisionedMapping } from '../model/mapping.js';
import { newLease } from '../store/identity-map.js';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import { MappingCheck, type MappingCheckReport } from './mapping-check.js';

/** Mappings with their log, and a superuser who edits them. */
class World {
  readonly mappings: RecordedMappings;

  private constructor(
    readonly database: TestDatabase,
    readonly log: TestLog,
    private readonly source: DataSource,
  ) {
    this.mappings = new RecordedMappings(log);
  }

  static async open(): Promise<World> {
    const database = await testDatabase();
    const { superuserUrl: url } = database;
    const source = new DataSource(dataSourceOptions({ url, poolSize: 2, timeoutMs: 60_000 }));
    await source.initialize();
    return new World(database, await openTestLog(database.serviceUrl), source);
  }

  async close(): Promise<void> {
    await this.source.destroy();
    await this.log.close();
    await this.database.close();
  }

  async check(): Promise<MappingCheckReport> {
    return new MappingCheck(this.log.database).run(await this.#trust());
  }

  /** Checks after a superuser's edit, which is undone. */
  async checkEdited(
    edit: (transaction: Transaction) => Promise<unknown>,
    options: { readonly listLimit?: number } = {},
  ): Promise<MappingCheckReport> {
    const check = new MappingCheck(new Database(this.source));
    const runner = this.source.createQueryRunner();
    await runner.startTransaction();
    try {
      await runner.query('SET LOCAL session_replication_role = replica');
      await edit(runner.manager);
      return await check.runIn(runner.manager, { ...(await this.#trust()), ...options });
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
  }

  /** Runs statements as the superuser, for good. */
  async tamper(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.database.superuserUrl });
    await client.connect();
    await client.query('SET session_replication_role = replica');
    await client.query(sql);
    await client.end();
  }

  async #trust() {
    const verifiers = (await this.log.signers.current()).map(({ verifier }) => verifier);
    return { origin: this.log.settings.origin, verifiers, known: [] };
  }
}

describe('MappingCheck', () => {
  let world: World;
  let alice: ProvisionedMapping;
  let carol: ProvisionedMapping;
  let deleted: Mapping;
  let suspended: Mapping;

  beforeAll(async () => {
    world = await World.open();
    const { mappings } = world;
    [alice, carol, deleted, suspended] = [
      await mappings.person('Alice'),
      await mappings.person(),
      await mappings.person(),
      await mappings.person(),
    ];
    await mappings.issue(alice);
    await mappings.update(alice, { displayName: 'Alice A.' });
    await mappings.delete(deleted);
    await mappings.update(suspended, { status: 'suspended' });
    await mappings.addEveryState();
  }, 60_000);
  afterAll(async () => {
    await world.close();
  });

  it('finds no difference in what the service has made', async () => {
    const report = await world.check();
    expect(report.log.faults).toEqual([]);
    expect(report.differences).toEqual([]);
    expect(report.uncheckedMappings).toEqual([]);
    expect(report).toMatchObject({ rows: 21, agreeing: 18, pending: 3, missing: 0 });
  });

  /** What a check finds after an edit, as `kind entry detail` of each mapping. */
  const found = async (sql: string): Promise<Record<string, string[]>> => {
    const report = await world.checkEdited(async (transaction) => transaction.query(sql));
    expect(report.log.faults).toEqual([]);
    const lists: Record<string, string[]> = {};
    for (const { mapping, kind, entry, detail } of report.differences) {
      (lists[mapping] ??= []).push([kind, entry, detail].join(' '));
    }
    return lists;
  };
  const entryOf = async (mapping: Mapping, action: string): Promise<number> => {
    const [row] = await world.log.database.query<{ index: string }>(
      `SELECT max(entry_index) AS index FROM audit_entry
       WHERE identity_id = $1 AND action = $2 AND outcome = 'success'`,
      [mapping.id, action],
    );
    return Number(row?.index);
  };

  it('names the rows whose communication identities were swapped, and the entries of both', async () => {
    const [ofAlice, ofCarol] = [
      await entryOf(alice, 'identity.create'),
      await entryOf(carol, 'identity.create'),
    ];
    for (const column of ['communication_user_id', 'subject']) {
      const swap = `UPDATE mapping a SET ${column} = b.${column} FROM mapping b
        WHERE (a.id, b.id) IN (('${alice.id}', '${carol.id}'), ('${carol.id}', '${alice.id}'))`;
      // A superuser can drop the unique index for as long as the rows are swapped.
      const drop =
        'DROP INDEX mapping_communication_user_id, mapping_application_identity, mapping_person';
      expect(await found(`${drop}; ${swap}`)).toEqual({
        [alice.id]: [`column-differs ${ofAlice} ${column}`],
        [carol.id]: [`column-differs ${ofCarol} ${column}`],
      });
    }
  });

  it.each([
    [`resource = 'other'`, 'identity.create', ['resource']],
    [`tenant = 'fabrikam'`, 'identity.create', ['tenant']],
    [`subject = 'mallory'`, 'identity.create', ['subject']],
    [`kind = 'bot'`, 'identity.create', ['kind']],
    [`status = 'suspended'`, 'identity.create', ['status']],
    [`status = 'deleted', deleted_at = now()`, 'identity.create', ['status', 'deleted_at']],
    [`communication_user_id = '8:acs:x'`, 'identity.create', ['communication_user_id']],
    [`display_name = 'Mallory'`, 'identity.update', ['display_name']],
    [`display_name = NULL`, 'identity.update', ['display_name']],
    [`version = version + 1`, 'identity.update', ['version']],
    [`version = version - 1`, 'identity.update', ['version']],
    [`token_generation = 2`, 'identity.create', ['token_generation']],
    [
      `is_revoking = true, lease_expires_at = now()`,
      'identity.create',
      ['is_revoking', 'lease_expires_at'],
    ],
    [`lease_expires_at = now()`, 'identity.create', ['lease_expires_at']],
    [`lease_holder = id`, 'identity.create', ['lease_expires_at']],
    [`created_at = created_at + interval '1 ms'`, 'identity.create', ['created_at']],
    [`created_at = created_at - interval '1 hour'`, 'identity.create', ['created_at']],
    [`created_at = created_at + interval '1 hour 1 us'`, 'identity.create', ['created_at']],
    [`updated_at = updated_at + interval '1 hour'`, 'identity.update', ['updated_at']],
    [`updated_at = updated_at - interval '1 hour'`, 'identity.update', ['updated_at']],
    [`deleted_at = now()`, 'identity.create', ['deleted_at']],
  ])('names the column and the entry of an edit: %s', async (edit, action, columns) => {
    const column = (name: string): unknown =>
      expect.stringMatching(`^column-differs \\d+ ${name}$`);
    const entry = await entryOf(alice, action);
    // The constraints are dropped as a superuser may.
    const free = `ALTER TABLE mapping DROP CONSTRAINT mapping_deleted_check`;
    const differences = await found(`${free}; UPDATE mapping SET ${edit} WHERE id = '${alice.id}'`);
    expect(differences).toEqual({ [alice.id]: columns.map(column) });
    expect(differences[alice.id]?.some((text) => text.includes(` ${entry} `))).toBe(true);
  });

  it('accepts a time of creation by PostgreSQL’s clock, which older releases wrote', async () => {
    const edit = `UPDATE mapping SET created_at = created_at + interval '4321 us'`;
    expect(await found(`${edit} WHERE id = '${alice.id}'`)).toEqual({});
  });

  it('finds a row that was deleted, and one that was inserted', async () => {
    const entry = await entryOf(alice, 'identity.create');
    const id = randomUUID();
    expect(await found(`DELETE FROM mapping WHERE id = '${alice.id}'`)).toEqual({
      [alice.id]: [`row-missing ${entry} no row has this id of identity.create`],
    });
    expect(
      await found(`INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
        VALUES ('${id}', 'default', 'contoso', 'mallory', 'user', 'active', '8:acs:x')`),
    ).toEqual({ [id]: ['row-unrecorded  the log has no entry about it'] });
    // Under another id it is the one and the other.
    const moved = await found(`UPDATE mapping SET id = '${id}' WHERE id = '${alice.id}'`);
    expect(Object.keys(moved).sort()).toEqual([alice.id, id].sort());
  });

  it('finds a deleted mapping that was revived, and a suspended one that was resumed', async () => {
    const deletion = await entryOf(deleted, 'identity.delete');
    expect(
      await found(
        `UPDATE mapping SET status = 'active', deleted_at = NULL WHERE id = '${deleted.id}'`,
      ),
    ).toEqual({
      [deleted.id]: [`column-differs ${deletion} status`, `column-differs ${deletion} deleted_at`],
    });
    const suspension = await entryOf(suspended, 'identity.suspend');
    expect(
      await found(`UPDATE mapping SET status = 'active' WHERE id = '${suspended.id}'`),
    ).toEqual({
      [suspended.id]: [`column-differs ${suspension} status`],
    });
  });

  it('finds two rows of one person, two rows of one identity, and an id that is used twice', async () => {
    const copyOf = (columns: string, values: string) => `
      ALTER TABLE mapping DROP CONSTRAINT mapping_pkey CASCADE;
      DROP INDEX mapping_communication_user_id, mapping_application_identity, mapping_person;
      INSERT INTO mapping (resource, kind, status, created_at, updated_at, ${columns})
      SELECT resource, kind, status, created_at, updated_at, ${values} FROM mapping WHERE id = '${carol.id}'`;
    const id = randomUUID();
    const columns = 'id, tenant, subject, communication_user_id';
    const [first = '', second = ''] = [carol.id, id].sort();
    const unrecorded = { [id]: ['row-unrecorded  the log has no entry about it'] };
    const twice = (kind: string) => {
      const expected: Record<string, string[]> = { ...unrecorded };
      (expected[first] = [...(expected[first] ?? [])]).push(`${kind}  also ${second}`);
      return expected;
    };
    expect(await found(copyOf(columns, `'${id}', tenant, subject, '8:acs:x'`))).toEqual(
      twice('person-mapped-twice'),
    );
    expect(
      await found(copyOf(columns, `'${id}', tenant, 'mallory', communication_user_id`)),
    ).toEqual(twice('identity-mapped-twice'));
    expect(await found(copyOf(columns, `id, tenant, 'mallory', '8:acs:x'`))).toEqual({
      [carol.id]: ['row-added  another row has the same id'],
    });
  });

  it('compares nothing with a log that was changed together with the rows', async () => {
    const report = await world.checkEdited(async (transaction) => {
      await transaction.query(
        `UPDATE audit_entry SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), $1, $2), 'UTF8'),
           target_subject = 'mallory' WHERE identity_id = $3`,
        [alice.subject, 'mallory', alice.id],
      );
      await transaction.query(`UPDATE mapping SET subject = 'mallory' WHERE id = $1`, [alice.id]);
    });
    expect(report.log.faults[0]).toMatchObject({ kind: 'entry-differs' });
    expect(report).toMatchObject({ rows: 0, agreeing: 0, differences: [] });
  });

  it('counts every difference, and lists as many as requested', async () => {
    const report = await world.checkEdited(
      async (transaction) =>
        transaction.query(`UPDATE mapping SET version = version + 2 WHERE status <> 'pending'`),
      { listLimit: 3 },
    );
    expect(report).toMatchObject({ differing: 18, differenceCount: 18, agreeing: 0 });
    expect(report.differences).toHaveLength(3);
  });
});

describe('MappingCheck, of rows that were edited and restored', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(async () => {
    await world.close();
  });

  it('names the entry of a token that was issued for another person’s identity meanwhile', async () => {
    const [alice, carol] = [await world.mappings.person(), await world.mappings.person()];
    const swap = `ALTER TABLE mapping DISABLE TRIGGER ALL;
      UPDATE mapping SET communication_user_id = 'x' WHERE id = '${alice.id}';
      UPDATE mapping SET communication_user_id = '${alice.communicationUserId}' WHERE id = '${carol.id}';
      UPDATE mapping SET communication_user_id = '${carol.communicationUserId}' WHERE id = '${alice.id}'`;
    await world.tamper(swap);
    const forged = (await world.mappings.map.get(alice.id)) as ProvisionedMapping; // it is active
    expect(forged.communicationUserId).toBe(carol.communicationUserId);
    const { index } = await world.mappings.issue(forged);
    await world.tamper(
      `UPDATE mapping SET communication_user_id = 'x' WHERE id = '${carol.id}';
       UPDATE mapping SET communication_user_id = '${alice.communicationUserId}' WHERE id = '${alice.id}';
       UPDATE mapping SET communication_user_id = '${carol.communicationUserId}' WHERE id = '${carol.id}'`,
    );
    expect(await world.check()).toMatchObject({
      differing: 1,
      differences: [
        {
          kind: 'entry-contradicts',
          mapping: alice.id,
          entry: index,
          detail: 'token.issue names another communication_user_id than entry 0',
        },
      ],
    });
  });

  it('names the entry of a token that was issued for a deleted mapping meanwhile', async () => {
    const person = await world.mappings.person();
    await world.mappings.delete(person);
    const revive = `UPDATE mapping SET status = 'active', deleted_at = NULL WHERE id = '${person.id}'`;
    await world.tamper(revive);
    const revived = (await world.mappings.map.get(person.id)) as ProvisionedMapping; // it is active
    const { index } = await world.mappings.issue(revived);
    await world.tamper(
      `UPDATE mapping SET status = 'deleted', deleted_at = now() WHERE id = '${person.id}'`,
    );
    const { differences } = await world.check();
    expect(differences.filter(({ mapping }) => mapping === person.id)).toEqual([
      {
        kind: 'entry-contradicts',
        mapping: person.id,
        entry: index,
        detail: 'token.issue of a mapping that is deleted',
      },
    ]);
  });
});

describe('MappingCheck, where the log no longer has what it needs', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(async () => {
    await world.close();
  });

  it('names a column that it could not compare, and does not count its row as good', async () => {
    const person = await world.mappings.person('Erika');
    await world.log.auditLog.erase(world.mappings.context, person);
    const report = await world.check();
    expect(report).toMatchObject({ rows: 1, agreeing: 0, unchecked: 1, differences: [] });
    expect(report.uncheckedMappings).toEqual([
      { mapping: person.id, columns: ['display_name'], reason: 'erased' },
    ]);
    // A name that was removed needs no value beside the log.
    const removed = `UPDATE mapping SET display_name = NULL WHERE id = '${person.id}'`;
    const edited = await world.checkEdited(async (transaction) => transaction.query(removed));
    expect(edited.differences).toMatchObject([{ kind: 'column-differs', detail: 'display_name' }]);
    await world.mappings.delete(person);
    expect(await world.check()).toMatchObject({ agreeing: 1, unchecked: 0, differences: [] });
  });

  it('says so of a name that was changed with a suspension, which did not record it once', async () => {
    const person = await world.mappings.person();
    const { log, mappings } = world;
    const next = { ...person, displayName: 'Nora', version: person.version + 1 } as const;
    const details = { stage: 'requested', tokenGeneration: 2, displayName: 'added' };
    await log.trail.record(
      {
        ...{ action: 'identity.suspend', outcome: 'success', ...mappings.context, details },
        target: auditTargetOf(person),
      },
      mappings.map.replace(
        person,
        {
          ...next,
          status: 'suspended',
          tokenGeneration: 2,
          isRevoking: true,
          updatedAt: new Date(),
        },
        newLease(30_000, new SystemClock()),
      ),
    );
    const report = await world.check();
    expect(report.differences).toEqual([]);
    expect(report.uncheckedMappings).toEqual([
      { mapping: person.id, columns: ['display_name'], reason: 'not-recorded' },
    ]);
  });
});
