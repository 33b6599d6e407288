import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VerifiedParts } from '#libs/audit';
import { openTestLog, type TestLog, TestVerifier } from '#libs/audit/testing';
import { canonicalName, ReadingDatabase } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import { MappingPart } from './mapping-part.js';

let database: TestDatabase;
let log: TestLog;
let mappings: RecordedMappings;
let verifier: TestVerifier;
let superuser: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  mappings = new RecordedMappings(log);
  await mappings.addEveryState();
  // More than a slice has, in both directions of the edits below.
  const lines = Array.from({ length: 600 }, (_, nth) => ({ subject: `p-${nth}`, kind: 'user' }));
  await mappings.import(lines);
  // It concerns nobody, and is the first one.
  await mappings.beginMassRevocation({ tenant: canonicalName('fabrikam') });
  await mappings.addEveryState();
  verifier = new TestVerifier(log, [
    new MappingPart(new VerifiedParts(), log.get(ReadingDatabase)),
  ]);
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
  await superuser.query(
    `CREATE TEMP TABLE chosen AS SELECT (min(id::text) FILTER (WHERE status = 'active'))::uuid AS oldest,
       (max(id::text) FILTER (WHERE status = 'active'))::uuid AS newest FROM mapping`,
  );
});

afterAll(async () => {
  await superuser.end();
  await log.close();
  await database.close();
});

// Chosen once, because mappings are added meanwhile.
const OLDEST = '(SELECT oldest FROM chosen)';
const NEWEST_ACTIVE = '(SELECT newest FROM chosen)';
const held = (table: string, condition: string): [string, string] => [
  `CREATE TEMP TABLE held AS SELECT * FROM ${table} WHERE ${condition};
   DELETE FROM ${table} WHERE ${condition}`,
  `INSERT INTO ${table} SELECT * FROM held; DROP TABLE held`,
];

const EDITS: Readonly<Record<string, readonly [kind: string, edit: string, undo: string]>> = {
  'the person of a mapping': [
    'column-differs',
    `UPDATE mapping SET subject = subject || 'x' WHERE id = ${OLDEST}`,
    `UPDATE mapping SET subject = rtrim(subject, 'x') WHERE id = ${OLDEST}`,
  ],
  'the communication identity of the newest mapping': [
    'column-differs',
    `UPDATE mapping SET communication_user_id = communication_user_id || 'x' WHERE id = ${NEWEST_ACTIVE}`,
    `UPDATE mapping SET communication_user_id = rtrim(communication_user_id, 'x') WHERE id = ${NEWEST_ACTIVE}`,
  ],
  'the mass revocation up to which the tokens of a mapping are revoked': [
    'column-differs',
    `UPDATE mapping SET revoked_through = 2147483000 WHERE id = ${OLDEST}`,
    `UPDATE mapping SET revoked_through = 0 WHERE id = ${OLDEST}`,
  ],
  'the mass revocation of a mapping, to one that has not reached it': [
    'column-differs',
    `UPDATE mapping SET revoked_through = 1 WHERE id = ${OLDEST}`,
    `UPDATE mapping SET revoked_through = 0 WHERE id = ${OLDEST}`,
  ],
  'the age of the tokens of a mapping': [
    'column-differs',
    `UPDATE mapping SET tokens_since = now() + interval '10 years' WHERE id = ${OLDEST}`,
    `UPDATE mapping SET tokens_since = NULL WHERE id = ${OLDEST}`,
  ],
  'a row, deleted': ['row-missing', ...held('mapping', `id = ${NEWEST_ACTIVE}`)],
  'a row, added': [
    'row-unrecorded',
    `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
     VALUES ('ffffffff-0000-7000-8000-000000000000', 'default', 'contoso', 'mallory', 'user', 'active', '8:acs:x')`,
    `DELETE FROM mapping WHERE subject = 'mallory'`,
  ],
  'a row of an orphan, deleted': ['orphan-differs', ...held('mapping_orphan', 'true')],
  'a row of an orphan, added for the identity of a mapping': [
    'orphan-differs',
    `INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_expires_at)
     SELECT communication_user_id, id, now() + interval '1 day' FROM mapping WHERE id = ${OLDEST}`,
    `DELETE FROM mapping_orphan o USING mapping m WHERE m.id = ${OLDEST} AND o.communication_user_id = m.communication_user_id`,
  ],
  'the communication identity of a mapping, to that of an orphan': [
    'orphan-differs',
    `CREATE TEMP TABLE known AS SELECT communication_user_id AS id FROM mapping WHERE id = ${OLDEST};
     UPDATE mapping SET communication_user_id = (SELECT communication_user_id FROM mapping_orphan LIMIT 1) WHERE id = ${OLDEST}`,
    `UPDATE mapping SET communication_user_id = (SELECT id FROM known) WHERE id = ${OLDEST}; DROP TABLE known`,
  ],
  'the deletion of an orphan': [
    'orphan-differs',
    'UPDATE mapping_orphan SET deleted_at = NULL, lease_expires_at = now()',
    'UPDATE mapping_orphan SET deleted_at = now(), lease_expires_at = NULL',
  ],
};

describe('the background verification of mappings', () => {
  it('finds nothing in mappings that are as the log recorded them, also while some are added', async () => {
    const adding = mappings.addEveryState();
    await verifier.pass();
    await adding;
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it.each(Object.entries(EDITS))(
    'finds an edit of %s within one pass while mappings are added',
    async (_, [kind, edit, undo]) => {
      await superuser.query(edit);
      const adding = mappings.person('Newcomer');
      await verifier.pass();
      await adding;
      const found = await verifier.findings();
      expect(found.map((one) => [one.part, one.kind])).toContainEqual(['mappings', kind]);
      await superuser.query(undo);
    },
  );

  it('forgets what is as the log recorded it again', async () => {
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it.each([
    String.raw`'\x00'`,
    `'no JSON'`,
    `convert_to('[1]', 'UTF8')`,
    `convert_to('{"target": 5, "details": [[]]}', 'UTF8')`,
  ])('compares the mappings with a log that has an entry of the bytes %s', async (bytes) => {
    await superuser.query(
      `CREATE TEMP TABLE held AS SELECT entry_index, identity_id, leaf FROM audit_entry
       WHERE action = 'identity.create' AND outcome = 'success' AND identity_id <> ${NEWEST_ACTIVE}::text
       ORDER BY entry_index LIMIT 1`,
    );
    await superuser.query(
      `UPDATE audit_entry SET leaf = ${bytes} WHERE entry_index = (SELECT entry_index FROM held)`,
    );
    const [, edit, undo] = EDITS['the communication identity of the newest mapping'] ?? [];
    await superuser.query(edit ?? '');
    await verifier.pass();
    const found = (await verifier.findings()).filter(({ part }) => part === 'mappings');
    expect(found.map(({ kind, detail }) => [kind, detail.split(': ')[1]])).toEqual([
      ['column-differs', expect.stringContaining('communication_user_id')],
    ]);
    await superuser.query(undo ?? '');
    // The mapping that the entry created is found as well.
    await superuser.query(
      `UPDATE mapping SET communication_user_id = communication_user_id || 'x'
       WHERE id::text = (SELECT identity_id FROM held)`,
    );
    await verifier.pass();
    expect((await verifier.findings()).map(({ kind }) => kind)).toContain('column-differs');
    await superuser.query(
      `UPDATE mapping SET communication_user_id = rtrim(communication_user_id, 'x')
       WHERE id::text = (SELECT identity_id FROM held)`,
    );
    await superuser.query(
      `UPDATE audit_entry SET leaf = held.leaf FROM held WHERE audit_entry.entry_index = held.entry_index`,
    );
    await superuser.query('DROP TABLE held');
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it.each([
    `'{"after": "zzz", "done": "x"}'`,
    `'{"after": "ffffffff-ffff-ffff-ffff-ffffffffffff", "done": "x", "total": -1}'`,
    `'[]'`,
  ])('begins anew at a position that can not be right, such as %s', async (position) => {
    await superuser.query(`UPDATE audit_verification SET position = ${position}`);
    const [, edit, undo] = EDITS['the communication identity of the newest mapping'] ?? [];
    await superuser.query(edit ?? '');
    await verifier.pass();
    expect((await verifier.findings()).map(({ kind }) => kind)).toEqual(['column-differs']);
    await superuser.query(undo ?? '');
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it('finds an orphan that the service has deleted and nobody recorded as one', async () => {
    const communicationUserId = mappings.foreignId();
    const [row] = await log.database.query<{ id: string }>('SELECT id FROM mapping LIMIT 1');
    const target = { identityId: row?.id ?? '', communicationUserId };
    await superuser.query(
      `INSERT INTO mapping_orphan (communication_user_id, mapping_id, deleted_at)
       VALUES ('${communicationUserId}', '${target.identityId}', now())`,
    );
    const reason = { code: 'orphaned' } as const;
    await log.trail.record({
      ...{ action: 'identity.delete', outcome: 'success', target, reason },
      ...mappings.context,
    });
    await verifier.pass();
    const found = (await verifier.findings()).map(({ part, kind }) => [part, kind]);
    expect(found).toEqual([['mappings', 'orphan-differs']]);
  });

  it('finds two rows of one identity although its unique index was dropped', async () => {
    await superuser.query('DROP INDEX mapping_communication_user_id');
    await superuser.query(
      `UPDATE mapping SET communication_user_id = (SELECT communication_user_id FROM mapping WHERE id = ${OLDEST})
       WHERE id = ${NEWEST_ACTIVE}`,
    );
    await verifier.pass();
    const kinds = (await verifier.findings()).map(({ kind }) => kind);
    expect(kinds).toContain('identity-mapped-twice');
    expect(kinds).toContain('column-differs');
  });
});
