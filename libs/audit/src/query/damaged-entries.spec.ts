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

describe('personal values that were changed', () => {
  const forged = { clientAddress: '198.51.100.66' };
  let database: TestDatabase;
  let log: TestLog;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { homeTenant: alice.tenant });
    await log.trail.recordAll(Array.from({ length: 4 }, (_, nth) => issued(nth)));
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query(`SET session_replication_role = replica`);
    await superuser.query(`UPDATE audit_personal SET client_address = '198.51.100.66',
      display_name = 'Eve Elsewhere' WHERE entry_index = 1`);
    await superuser.query(`UPDATE audit_personal SET salts = '' WHERE entry_index = 2`);
    await superuser.end();
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  it('are left out, and their entries are marked', async () => {
    const { items } = await log.auditLog.search(operator, { limit: 100, before: 4 });
    expect(items.map(({ index, isDamaged }) => [index, isDamaged])).toEqual([
      [3, false],
      [2, true],
      [1, true],
      [0, false],
    ]);
    const [whole, unsalted, changed] = items.map(({ personal }) => personal);
    expect(Object.keys(whole ?? {})).toEqual(['clientAddress', 'userAgent', 'actorDisplayName']);
    expect(unsalted).toEqual({});
    expect(changed).toEqual({ userAgent: whole?.userAgent });
  });

  it('are not shown to those who search for them', async () => {
    const { items } = await log.auditLog.search(operator, { limit: 100, ...forged });
    expect(items).toMatchObject([{ index: 1, isDamaged: true }]);
    expect(JSON.stringify(items)).not.toContain(forged.clientAddress);
  });

  it.each(['csv', 'cef', 'ocsf', 'ecs'] as const)(
    'are not exported as %s, whose line says that the entry is damaged',
    async (format) => {
      let text = '';
      for await (const chunk of log.auditLog.export(operator, {
        ...{ format, fromIndex: 0, toIndex: 3 },
      })) {
        text += chunk.text;
      }
      expect(text.match(/x-audit\.damaged/g)?.length).toBeGreaterThanOrEqual(2);
      expect(text).not.toMatch(/198\.51\.100\.66|Eve Elsewhere/);
    },
  );
});

describe('rows whose times were changed to ones that the service never writes', () => {
  let database: TestDatabase;
  let log: TestLog;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { homeTenant: alice.tenant });
    await log.trail.recordAll(Array.from({ length: 7 }, (_, nth) => issued(nth)));
    await log.trail.recordAll([issued(7), issued(8), issued(9)]);
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query(`SET session_replication_role = replica`);
    const copy = `INSERT INTO audit_entry (recorded_at, entry_index, id, leaf, action, outcome, actor_kind)
      SELECT $1, $2, id, leaf, action, outcome, actor_kind FROM audit_entry WHERE entry_index = $3`;
    await superuser.query(copy, ['-infinity', -1, 1]);
    await superuser.query(copy, ['4000-01-01 BC', 2, 2]);
    await superuser.query(copy, ['infinity', 11, 4]);
    await superuser.query(String.raw`UPDATE audit_entry SET leaf = '\x00',
      recorded_at = recorded_at + interval '3 microseconds' WHERE entry_index = 3`);
    await superuser.query(String.raw`UPDATE audit_entry SET leaf = '\x00' WHERE entry_index < 0`);
    await superuser.end();
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  it.each(['ascending', 'descending'] as const)(
    'are found in %s order, and those that the log does not have are marked',
    async (order) => {
      const { items } = await log.auditLog.search(operator, { limit: 100, before: 10, order });
      const damaged = items.filter(({ isDamaged }) => isDamaged);
      expect(damaged.map(({ index }) => index).sort()).toEqual([-1, 3]);
      expect(damaged.map(({ entry }) => entry.action)).toEqual(['token.issue', 'token.issue']);
      const indexes = items.map(({ index }) => index).filter((index) => index >= 0);
      expect(new Set(indexes)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
      for (const { entry } of items) expect(entry.recordedAt).toMatch(/^\d{4}-\d\d-\d\dT/);
    },
  );

  it('do not end an export', async () => {
    let text = '';
    for await (const chunk of log.auditLog.export(operator, { format: 'ndjson', fromIndex: 0 })) {
      text += chunk.text;
    }
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; isDamaged?: true });
    expect(lines.find(({ index }) => index === 3)).toMatchObject({ isDamaged: true });
    expect(lines.map(({ index }) => index)).toContain(9);
  });

  it('do not end searches when they are the times of heads', async () => {
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query(`SET session_replication_role = replica`);
    await superuser.query(`UPDATE audit_head SET recorded_at = 'infinity'
      WHERE size = 10`);
    await superuser.end();
    const { searchedTo } = await log.auditLog.search(operator, { limit: 100, before: 9 });
    expect(searchedTo?.toISOString()).toBe('9999-12-31T23:59:59.999Z');
  });
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
