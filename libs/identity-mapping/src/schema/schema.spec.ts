import { canonicalName } from '#libs/platform';
import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '#libs/platform/testing';
import { newMapping } from '../model/mapping.js';
import { MAPPING_COLUMNS, MUTABLE_COLUMNS } from '../store/mapping-columns.js';
import { MappingEntity } from '../store/mapping.entity.js';
import { identityMappingMigrations } from './migrations.js';
import { OrphanEntity } from '../store/orphan.entity.js';

let place: TestDatabase;
let source: DataSource;

beforeAll(async () => {
  place = await testDatabase();
  // In a schema of its own, so that only these migrations run.
  source = new DataSource({
    type: 'postgres',
    url: place.superuserUrl,
    schema: 'alone',
    extra: { options: '-c search_path=alone' },
    entities: [MappingEntity, OrphanEntity],
    migrations: identityMappingMigrations,
    migrationsTableName: 'schema_migration',
  });
  await source.initialize();
  await source.query('CREATE SCHEMA alone');
});

afterAll(async () => {
  await source.destroy();
  await place.close();
});

async function addMapping({
  id = randomUUID(),
  ...more
}: { readonly id?: string; readonly [column: string]: unknown } = {}): Promise<string> {
  const row = {
    ...{ id, resource: 'default', tenant: 'contoso', subject: id, kind: 'user', status: 'active' },
    communication_user_id: `8:acs:${id}`,
    ...more,
  };
  const names = Object.keys(row);
  await source.query(
    `INSERT INTO mapping (${names.join(', ')}) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(row),
  );
  return id;
}

describe('the schema of the identity map', () => {
  it('runs up, down and up again, with rows in the tables', async () => {
    await source.runMigrations({ transaction: 'each' });
    const id = await addMapping();
    await source.query(
      `INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_expires_at) VALUES ('8:acs:x', $1, now())`,
      [id],
    );
    for (const _ of identityMappingMigrations)
      await source.undoLastMigration({ transaction: 'each' });
    const left = await source.query<unknown[]>(
      `SELECT tablename FROM pg_tables WHERE schemaname = 'alone' AND tablename <> 'schema_migration'`,
    );
    expect(left).toEqual([]);
    await source.runMigrations({ transaction: 'each' });
    await addMapping();
  });

  it('keeps the identities of people who have several, and gives them no other', async () => {
    await source.undoLastMigration({ transaction: 'each' });
    const subject = randomUUID();
    const older = await addMapping({ subject, id: '01900000-0000-7000-8000-000000000001' });
    await addMapping({
      ...{ subject, resource: 'europe', status: 'pending', communication_user_id: null },
      id: '01900000-0000-7000-8000-000000000003',
    });
    await addMapping({ subject, resource: 'asia', id: '01900000-0000-7000-8000-000000000002' });
    await source.runMigrations({ transaction: 'each' });
    const rows = await source.query<unknown[]>(
      'SELECT resource FROM mapping WHERE subject = $1 AND NOT is_additional',
      [subject],
    );
    expect(rows).toEqual([{ resource: 'asia' }]);
    await expect(addMapping({ subject, resource: 'africa' })).rejects.toThrow('mapping_person');
    const toFirst = source.query('UPDATE mapping SET is_additional = false WHERE id = $1', [older]);
    await expect(toFirst).rejects.toThrow(/mapping_(person|additional_unchanged)/);
  });

  it('is what the entities describe: TypeORM would change nothing', async () => {
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('has the columns that the statements are derived from, with their types', async () => {
    const inTable = await source.query<{ name: string; type: string }[]>(
      `SELECT attname AS name, atttypid::regtype::text AS type FROM pg_attribute
       WHERE attrelid = 'alone.mapping'::regclass AND attnum > 0 AND NOT attisdropped`,
    );
    const others = [
      ...['lease_holder', 'lease_expires_at', 'revoked_through', 'tokens_since'],
      'is_additional',
    ];
    const ofMapping = inTable.filter(({ name }) => !others.includes(name));
    const canonical = await source.query<{ name: string; type: string }[]>(
      'SELECT name, type::regtype::text AS type FROM unnest($1::text[], $2::text[]) AS derived (name, type)',
      [MAPPING_COLUMNS.map(({ name }) => name), MAPPING_COLUMNS.map(({ type }) => type)],
    );
    expect(canonical).toEqual(ofMapping);
    expect(MUTABLE_COLUMNS.map(({ property }) => property)).toEqual([
      ...['status', 'communicationUserId', 'displayName', 'version', 'tokenGeneration'],
      ...['isRevoking', 'updatedAt', 'deletedAt'],
    ]);
    const mapping = newMapping(
      {
        tenant: canonicalName('contoso'),
        subject: canonicalName('alice'),
        kind: 'user',
        resource: 'default',
      },
      Date.now(),
    );
    const { awaitsRevocation: _computed, ...stored } = mapping;
    expect(MAPPING_COLUMNS.map(({ property }) => property).sort()).toEqual(
      Object.keys(stored).sort(),
    );
  });

  it.each([
    ['an unknown kind', { kind: 'robot' }],
    ['an unknown status', { status: 'gone' }],
    ['an active mapping without an identity', { communication_user_id: null }],
    ['a pending mapping with an identity', { status: 'pending' }],
    ['a deletion that no worker would find', { status: 'deleting' }],
    ['a revocation that no worker would find', { is_revoking: true }],
    ['a tombstone without its time', { status: 'deleted' }],
    ['an empty subject', { subject: '' }],
    ['a version below 1', { version: 0 }],
    ['a display name of 257 characters', { display_name: 'x'.repeat(257) }],
  ])('refuses %s from every writer', async (_what, row) => {
    await expect(addMapping(row)).rejects.toThrow('check constraint');
  });

  it('refuses a second mapping of an application identity or a communication identity, and an orphan without a mapping', async () => {
    const subject = randomUUID();
    await addMapping({ subject, communication_user_id: '8:acs:one' });
    await expect(addMapping({ subject })).rejects.toThrow('mapping_application_identity');
    await expect(addMapping({ communication_user_id: '8:acs:one' })).rejects.toThrow(
      'mapping_communication_user_id',
    );
    const orphan = source.query(
      `INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_expires_at) VALUES ('8:acs:y', $1, now())`,
      [randomUUID()],
    );
    await expect(orphan).rejects.toThrow('mapping_orphan_mapping_fkey');
  });
});
