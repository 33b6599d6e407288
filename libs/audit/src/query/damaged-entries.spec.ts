import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallContext } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AuditUnavailable } from '../errors.js';
import { alice, issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';

const operator: CallContext = { actor: { kind: 'operator', name: 'olivia' } };

/** What a superuser made of the bytes of the entries with these indexes. */
const DAMAGE: readonly (readonly [index: number, sql: string])[] = [
  [1, `convert_to(replace(convert_from(leaf, 'UTF8'), '"chat"', '"voip"'), 'UTF8')`],
  [2, `'not JSON'`],
  [3, String.raw`'\xff00'`],
  [4, `convert_to('[1]', 'UTF8')`],
  [5, `convert_to(convert_from(leaf, 'UTF8') || E'\n', 'UTF8')`],
];

describe('entries whose stored bytes were changed', () => {
  let database: TestDatabase;
  let log: TestLog;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { homeTenant: alice.tenant });
    await log.trail.recordAll(Array.from({ length: 7 }, (_, nth) => issued(nth)));
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query(`SET session_replication_role = replica`);
    for (const [index, sql] of DAMAGE) {
      await superuser.query(`UPDATE audit_entry SET leaf = ${sql} WHERE entry_index = $1`, [index]);
    }
    await superuser.end();
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  it('are found and marked, and no others', async () => {
    for (const query of [{}, { action: 'token.issue' }, { actorSubject: alice.subject }] as const) {
      const { items } = await log.auditLog.search(operator, { limit: 100, before: 7, ...query });
      expect(items.map(({ index, isDamaged }) => [index, isDamaged])).toEqual(
        [6, 5, 4, 3, 2, 1, 0].map((index) => [index, index >= 1 && index <= 5]),
      );
      const { entry } = items.find(({ index }) => index === 2) ?? {};
      expect(entry).toMatchObject({ action: 'token.issue', actor: { subject: alice.subject } });
    }
  });

  it('are shown with their stored bytes, by id and by index', async () => {
    const found = await log.auditLog.entry(operator, 2, { neighbours: true });
    expect(found).toMatchObject({ isDamaged: true, leaf: Buffer.from('not JSON') });
    expect((await log.auditLog.entry(operator, found.entry.id)).isDamaged).toBe(true);
  });

  it.each(['ndjson', 'csv', 'cef', 'ocsf', 'ecs'] as const)(
    'do not end an export as %s',
    async (format) => {
      let text = '';
      for await (const chunk of log.auditLog.export(operator, { format, fromIndex: 0 })) {
        text += chunk.text;
      }
      const lines = text
        .trimEnd()
        .split('\n')
        .slice(format === 'csv' ? 1 : 0);
      expect(lines.length).toBeGreaterThanOrEqual(7);
      if (format !== 'ndjson') return;
      const parsed = lines.map((line) => JSON.parse(line) as { index: number; isDamaged?: true });
      expect(parsed.filter(({ isDamaged }) => isDamaged).map(({ index }) => index)).toEqual([
        1, 2, 3, 4, 5,
      ]);
      expect(parsed.map(({ index }) => index)).toEqual(parsed.map((_, nth) => nth));
    },
  );
});

describe('entries whose rows were deleted', () => {
  it('are not called retired', async () => {
    const database = await testDatabase();
    const log = await openTestLog(database.serviceUrl);
    await log.trail.recordAll(Array.from({ length: 4 }, (_, nth) => issued(nth)));
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query(`SET session_replication_role = replica`);
    await superuser.query('DELETE FROM audit_entry WHERE entry_index = 2');
    await superuser.end();
    await expect(log.reader.resource('tile/entries/000.p/4')).rejects.toThrow(AuditUnavailable);
    expect(await log.reader.resource('tile/entries/000.p/2')).toBeInstanceOf(Buffer);
    await log.close();
    await database.close();
  });
});
