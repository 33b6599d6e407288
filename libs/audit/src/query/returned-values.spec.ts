import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalName } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { type AuditEntry, tryParseAuditEntry } from '../entry/audit-entry.js';
import { alice, issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { PersonalDataEraser } from './personal-data-eraser.js';
import { ReturnedValues } from './returned-values.js';

const operator = { actor: { kind: 'operator', name: 'olivia' } } as const;

describe('values that came back with a restore', () => {
  let database: TestDatabase;
  let log: TestLog;
  let superuser: pg.Client;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query('SET session_replication_role = replica');
  });
  afterAll(async () => {
    await superuser.end();
    await log.close();
    await database.close();
  });

  const tenant = canonicalName(alice.tenant);
  const subject = canonicalName(alice.subject);
  const find = async (elsewhere: readonly AuditEntry[] = []) =>
    log.get(ReturnedValues).find(operator, elsewhere);

  async function valuesOfAlice(): Promise<number> {
    const rows = await log.database.query(
      `SELECT FROM audit_personal p JOIN audit_entry e USING (recorded_at, entry_index)
       WHERE whose = 'actor' AND actor_subject = $1`,
      [subject],
    );
    return rows.length;
  }

  it('are found by the erasure, and erased again with later values left as they are', async () => {
    await log.trail.recordAll([issued(1), issued(2)]);
    await superuser.query('CREATE TABLE backup AS SELECT * FROM audit_personal');
    const backedUp = await valuesOfAlice();
    expect(backedUp).toBeGreaterThan(0);
    await log.get(PersonalDataEraser).erase({ ...operator, tenant, subject });
    expect(await find()).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 2)); // the erasure's millisecond has ended
    await log.trail.recordAll([issued(3)]);
    const later = await valuesOfAlice();

    await superuser.query('INSERT INTO audit_personal SELECT * FROM backup');
    const found = await find();
    expect(found).toMatchObject([{ tenant, subject, index: 2 }]);
    expect(await log.get(ReturnedValues).erase(operator, found)).toBe(found[0]?.rows);
    expect(await valuesOfAlice()).toBe(later);
    expect(await find()).toEqual([]);
  });

  it('are found by an erasure that the restored log lost, and erased by a new entry', async () => {
    const [last] = await log.database.query<{ leaf: Buffer }>(
      `SELECT leaf FROM audit_entry WHERE action = 'audit.erase' LIMIT 1`,
    );
    const lost = last && tryParseAuditEntry(last.leaf);
    if (!lost) throw new Error('no erasure');
    const elsewhere = [{ ...lost, recordedAt: new Date(Date.now() + 1_000).toISOString() }];
    const denied = elsewhere.map((entry) => ({ ...entry, outcome: 'denied' as const }));
    expect(await find(denied)).toEqual([]);
    const found = await find(elsewhere);
    expect(found).toMatchObject([{ tenant, subject, index: undefined }]);
    expect(await log.get(ReturnedValues).erase(operator, found)).toBeGreaterThan(0);
    expect(await valuesOfAlice()).toBe(0);
    expect(await find(elsewhere)).toEqual([]);
    const erasures = await log.database.query(
      `SELECT FROM audit_entry WHERE action = 'audit.erase' AND outcome = 'success'`,
    );
    expect(erasures).toHaveLength(2);
  });
});
