import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { NewestEntries } from './newest-entries.js';

const loaded = (version: string, outcome: AuditEvent['outcome'] = 'success'): AuditEvent => ({
  ...{ action: 'policy.load', outcome, details: { version } },
  actor: { kind: 'system', name: 'issuance-policy' },
});

describe('NewestEntries', () => {
  let database: TestDatabase;
  let log: TestLog;
  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  it('finds the newest success of an action, and nothing before there is one', async () => {
    const entries = log.get(NewestEntries);
    expect(await entries.successOf('policy.load')).toBeUndefined();
    for (const event of [loaded('a'), loaded('b'), loaded('c', 'failure'), issued(1)])
      await log.trail.record(event);
    expect(await entries.successOf('policy.load')).toMatchObject({ details: { version: 'b' } });
  });

  it('finds what one part of the service recorded behind what another one did', async () => {
    const entries = log.get(NewestEntries);
    const others = Array.from({ length: 5 }, (_, nth) => ({
      ...loaded(`other-${nth}`),
      actor: { kind: 'system' as const, name: 'another-part' },
    }));
    for (const event of others) await log.trail.record(event);
    expect(await entries.successOf('policy.load', 'issuance-policy')).toMatchObject({
      details: { version: 'b' },
    });
    expect(await entries.successOf('policy.load', 'no-part')).toBeUndefined();
    await log.trail.record(loaded('b'));
  });

  it('leaves out a row that the log does not have', async () => {
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query(
      `INSERT INTO audit_entry (recorded_at, entry_index, id, action, outcome, actor_kind, leaf)
       SELECT recorded_at, 900, gen_random_uuid(), action, outcome, actor_kind,
         convert_to('{"details":{"version":"forged"}}', 'UTF8')
       FROM audit_entry WHERE action = 'policy.load' LIMIT 1`,
    );
    await superuser.end();
    const found = await log.get(NewestEntries).successOf('policy.load');
    expect(found).toMatchObject({ details: { version: 'b' } });
  });
});
