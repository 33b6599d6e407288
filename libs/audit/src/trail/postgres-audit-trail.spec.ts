import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { canonicalName, DatabaseUnavailable, SystemClock, type Transaction } from '#libs/platform';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { hashLeaf, openCheckpoint, TreeFrontier } from '#libs/transparency-log';
import { openTestLog, type TestLog, type TestLogOptions } from '../testing/test-log.js';
import { alice, issued } from '../testing/sample-events.js';
import { describeAuditTrail } from '../testing/audit-trail.contract.js';
import { AuditUnavailable } from '../errors.js';
import { LogConnection } from '../postgres/log-connection.js';
import { AuditEntryEvents } from './audit-entry-events.js';

const WAITING_FOR_THE_LOG = `
  SELECT pid::text AS text FROM pg_locks
  WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

describeAuditTrail('PostgresAuditTrail', async () => {
  const database = await testDatabase();
  const superuser = await connect(database.superuserUrl);
  await superuser.query('CREATE TABLE mark (text text)');
  await superuser.query('GRANT SELECT, INSERT ON mark TO PUBLIC');
  const log = await openTestLog(database.serviceUrl);
  return {
    trail: log.trail,
    write: (mark) => async (transaction) => {
      await transaction.query('INSERT INTO mark VALUES ($1)', [mark]);
    },
    marks: async () => texts(superuser, 'SELECT text FROM mark'),
    actions: async () =>
      texts(superuser, 'SELECT action AS text FROM audit_entry ORDER BY entry_index'),
    close: async () => {
      await log.close();
      await superuser.end();
      await database.close();
    },
  };
});

describe('PostgresAuditTrail', () => {
  let database: TestDatabase;
  let superuser: pg.Client;
  const opened: TestLog[] = [];
  const open = async (
    options: TestLogOptions = {},
    url = database.serviceUrl,
  ): Promise<TestLog> => {
    const log = await openTestLog(url, options);
    opened.push(log);
    return log;
  };

  beforeAll(async () => {
    database = await testDatabase();
    superuser = await connect(database.superuserUrl);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async (log) => log.close()));
  });
  afterAll(async () => {
    await superuser.end();
    await database.close();
  });

  it('signs the tree over exactly the bytes of its entries', async () => {
    const log = await open();
    await Promise.all(Array.from({ length: 600 }, async (_, nth) => log.trail.record(issued(nth))));
    const { rows: leaves } = await superuser.query<{ leaf: Buffer }>(
      'SELECT leaf FROM audit_entry ORDER BY entry_index',
    );
    const { rows: heads } = await superuser.query<{ checkpoint: string; size: string }>(
      'SELECT checkpoint, size FROM audit_head ORDER BY size DESC LIMIT 1',
    );
    const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
    const { checkpoint } = openCheckpoint(heads[0]?.checkpoint ?? '', {
      origin: log.settings.origin,
      verifiers,
    });
    const tree = TreeFrontier.empty().append(leaves.map(({ leaf }) => hashLeaf(leaf))).frontier;
    expect(checkpoint.size).toBe(leaves.length);
    expect(Buffer.from(checkpoint.root).equals(tree.root())).toBe(true);
  });

  it('gives one log without forks when several processes append at the same time', async () => {
    const logs = await Promise.all([open(), open(), open()]);
    const receipts = await Promise.all(
      logs.flatMap(({ trail }) =>
        Array.from({ length: 150 }, async (_, nth) => trail.record(issued(nth))),
      ),
    );
    expect(new Set(receipts.map(({ index }) => index)).size).toBe(450);
    const { rows } = await superuser.query<{ gaps: string; forks: string }>(
      `SELECT count(*) FILTER (WHERE from_size <> before) AS gaps, count(*) - count(DISTINCT size) AS forks
       FROM (SELECT size, from_size, lag(size, 1, 0::bigint) OVER (ORDER BY size) AS before FROM audit_head) h`,
    );
    expect(rows).toEqual([{ gaps: '0', forks: '0' }]);
  });

  it('commits all that arrives while it waits for another process together, but nobody who left', async () => {
    const [log, other] = await Promise.all([open(), open()]);
    await log.trail.record(issued());
    // So that the first one has to read the head.
    const { index } = await other.trail.record(issued());
    await superuser.query('BEGIN');
    await superuser.query('SELECT audit_lock_head(3000)');
    const left = new AbortController();
    const leaving = expect(
      log.trail.recordAll([issued()], undefined, { signal: left.signal }),
    ).rejects.toThrow('left');
    const earlier = log.trail.record(issued());
    await vi.waitFor(
      async () => {
        expect(await texts(superuser, WAITING_FOR_THE_LOG)).toHaveLength(1);
      },
      { timeout: 5000 },
    );
    const later = Array.from({ length: 300 }, async (_, nth) => log.trail.record(issued(nth)));
    left.abort(new Error('left'));
    await superuser.query('ROLLBACK');
    await leaving;
    const receipts = await Promise.all([earlier, ...later]);
    expect(receipts.map((receipt) => receipt.index)).toEqual(
      Array.from({ length: 301 }, (_, nth) => index + 1 + nth),
    );
    const heads = `SELECT size::text AS text FROM audit_head WHERE size > ${index + 1}`;
    expect(await texts(superuser, heads)).toEqual([String(index + 302)]);
  });

  it('records what has no deadline however long it waited, and nothing fails with it', async () => {
    const log = await open({ timeoutMs: 300, clockToleranceMs: 500 });
    await vi.waitFor(async () => log.trail.record(issued()), { timeout: 5000 }); // connects
    const second = await connect(database.superuserUrl);
    const waitingCount = async (): Promise<number> =>
      (await texts(superuser, WAITING_FOR_THE_LOG)).length;
    await superuser.query('BEGIN');
    await superuser.query('SELECT audit_lock_head(3000)');
    const caller = new AbortController();
    const withheld = { ...issued(), action: 'token.revoke' } as const;
    const record = log.trail.recordAll([issued()], undefined, {
      signal: caller.signal,
      late: () => [withheld],
    });
    record.catch(() => undefined);
    await expect.poll(waitingCount, { timeout: 5000 }).toBe(1);
    await second.query('BEGIN');
    const locked = second.query('SELECT audit_lock_head(30000)');
    await expect.poll(waitingCount, { timeout: 5000 }).toBe(2);
    caller.abort(new Error('left'));
    await superuser.query('ROLLBACK');
    // The entry is committed, and the one that corrects it waits behind the other session.
    await locked;
    await expect.poll(waitingCount, { timeout: 5000 }).toBe(1);
    await superuser.query(`SELECT pg_terminate_backend(pid) FROM pg_locks
      WHERE locktype = 'advisory' AND NOT granted`);
    await second.query('ROLLBACK');
    await second.end();
    const corrections = `SELECT id::text AS text FROM audit_entry WHERE action = 'token.revoke'`;
    await expect.poll(async () => texts(superuser, corrections), { timeout: 8000 }).toHaveLength(1);
    await vi.waitFor(async () => log.trail.record(issued()), { timeout: 1000 });
  });

  it('records nothing with the time of a clock that was set while it waited for another process', async () => {
    class SetClock extends SystemClock {
      aheadMs = 0;
      override now(): number {
        return super.now() + this.aheadMs;
      }
    }
    const clock = new SetClock();
    const [log, other] = await Promise.all([open({ clock, clockToleranceMs: 5_000 }), open()]);
    await log.trail.record(issued());
    const { index } = await other.trail.record(issued());
    await superuser.query('BEGIN');
    await superuser.query('SELECT audit_lock_head(3000)');
    const waiting = expect(log.trail.record(issued())).rejects.toThrow(AuditUnavailable);
    await vi.waitFor(
      async () => {
        expect(await texts(superuser, WAITING_FOR_THE_LOG)).toHaveLength(1);
      },
      { timeout: 5000 },
    );
    clock.aheadMs = 3_600_000;
    const ahead = expect(log.trail.record(issued())).rejects.toThrow(AuditUnavailable);
    await superuser.query('ROLLBACK');
    await Promise.all([waiting, ahead]);
    const later = `SELECT recorded_at::text AS text FROM audit_entry
      WHERE entry_index > ${index} AND recorded_at > now() + interval '1 minute'`;
    expect(await texts(superuser, later)).toEqual([]);
  });

  it('continues after a restart from the stored tiles', async () => {
    const { index } = await (await open()).trail.record(issued());
    expect((await (await open()).trail.record(issued())).index).toBe(index + 1);
  });

  it('never lets times decrease, even when a clock goes back', async () => {
    const ahead = new ManualClock(Date.now() + 60_000);
    await (await open({ clock: ahead })).trail.record(issued());
    await (await open()).trail.record(issued());
    const { rows } = await superuser.query<{ steps: string }>(
      `SELECT count(*) AS steps FROM (SELECT recorded_at < lag(recorded_at) OVER (ORDER BY entry_index) AS back
       FROM audit_entry) e WHERE back`,
    );
    expect(rows).toEqual([{ steps: '0' }]);
  });

  it('stores personal values beside the entry, not in it', async () => {
    const { id } = await (await open()).trail.record(issued(7));
    const { rows } = await superuser.query<{ leaf: Buffer; row: object }>(
      `SELECT leaf, to_jsonb(p) AS row FROM audit_entry JOIN audit_personal p USING (recorded_at, entry_index) WHERE id = $1`,
      [id],
    );
    const leaf = rows[0]?.leaf.toString() ?? '';
    expect(leaf).toContain('"clientAddress":');
    expect(leaf).not.toMatch(/203\.0\.113|Mozilla|Alice/);
    expect(rows[0]?.row).toMatchObject({
      whose: 'actor',
      client_address: '203.0.113.7',
      display_name: 'Alice Example',
    });
  });

  it('rejects every change and removal of rows', async () => {
    await (await open()).trail.record(issued());
    const tables = ['audit_entry', 'audit_personal', 'audit_head', 'audit_entry_other'];
    for (const table of tables) {
      await expect(superuser.query(`DELETE FROM ${table}`)).rejects.toThrow('never changed');
      await expect(superuser.query(`TRUNCATE ${table}`)).rejects.toThrow('never changed');
    }
    await expect(superuser.query(`UPDATE audit_entry SET action = ''`)).rejects.toThrow(
      'never changed',
    );
    const service = await connect(database.serviceUrl);
    for (const table of tables) {
      await expect(service.query(`DELETE FROM ${table}`)).rejects.toThrow('permission denied');
      await expect(service.query(`TRUNCATE ${table}`)).rejects.toThrow('permission denied');
    }
    await service.end();
  });

  it('refuses at the deadline while another session locks the log, and recovers', async () => {
    const log = await open({ timeoutMs: 300 });
    await vi.waitFor(async () => log.trail.record(issued()), { timeout: 5000 }); // connects
    const before = await failureCount(log);
    await superuser.query('BEGIN');
    await superuser.query('SELECT audit_lock_head(3000)');
    const startedAt = performance.now();
    const refused = await Promise.allSettled([
      log.trail.record(issued()),
      log.trail.record(issued()),
    ]);
    await superuser.query('ROLLBACK');
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(
      refused.map(
        (outcome) => outcome.status === 'rejected' && outcome.reason instanceof AuditUnavailable,
      ),
    ).toEqual([true, true]);
    expect((await failureCount(log)) - before).toBeOneOf([1, 2]);
    await vi.waitFor(async () => log.trail.record(issued()), { timeout: 5000 });
  });

  it('publishes committed entries, and settles their records when a listener throws', async () => {
    const log = await open();
    const published: number[] = [];
    log.get(AuditEntryEvents).subscribe((entries) => {
      published.push(...entries.map(({ index }) => index));
      throw new Error('no');
    });
    const receipts = await Promise.all(
      Array.from({ length: 40 }, async (_, nth) => log.trail.record(issued(nth))),
    );
    expect(published).toEqual(receipts.map(({ index }) => index));
    expect(log.logger.lines.map(({ message }) => message)).toContain('audit entry listener failed');
  });

  it('refuses records beyond the queue limit at once', async () => {
    const log = await open({ queueLimit: 2 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 4 }, async () => log.trail.record(issued())),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
  });

  it('refuses, logs an error and is not ready while the database is unreachable', async () => {
    const log = await open({}, database.serviceUrl.replace(/:\d+\//, ':1/'));
    await expect(log.trail.record(issued())).rejects.toThrow(AuditUnavailable);
    expect(log.logger.lines.map(({ message }) => message)).toContain('audit append failed');
    expect(await log.readiness.ask()).toMatchObject({
      audit: {
        isReady: false,
        reason: expect.stringMatching(
          /^the database can not be used: \S+:\d+: it refuses the connection \(ECONNREFUSED\): check/,
        ) as string,
      },
    });
  });

  it('returns the receipt when only the answer to the commit was lost', async () => {
    const log = await open();
    await log.trail.record(issued());
    const transaction = log.database.transaction.bind(log.database);
    const lossy = async <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> => {
      vi.mocked(log.database.transaction).mockRestore();
      await transaction(work);
      throw new DatabaseUnavailable();
    };
    vi.spyOn(log.database, 'transaction').mockImplementation(lossy);
    const { id, index } = await log.trail.record(issued(), async () => Promise.resolve());
    expect(
      await texts(
        superuser,
        `SELECT entry_index::text AS text FROM audit_entry WHERE id = '${id}'`,
      ),
    ).toEqual([String(index)]);
    expect((await log.trail.record(issued())).index).toBe(index + 1);
  });

  it('commits no entry without its change when the connection is lost between two flights', async () => {
    await superuser.query('CREATE TABLE flag (id integer PRIMARY KEY, is_set boolean NOT NULL)');
    await superuser.query('GRANT SELECT, UPDATE ON flag TO PUBLIC');
    await superuser.query('INSERT INTO flag VALUES (1, false)');
    const log = await open(); // its first batch takes two flights
    const connection = log.get(LogConnection);
    const fly = connection.fly.bind(connection);
    const flights = vi.spyOn(connection, 'fly').mockImplementation(async (steps, ...rest) => {
      const rows = await fly(steps, ...rest);
      if (steps.some(({ text }) => text.startsWith('BEGIN')) && flights.mock.calls.length === 1) {
        connection.cut();
      }
      return rows;
    });
    const { index } = await log.trail.record(issued(), {
      name: 'test_flag',
      text: `UPDATE flag SET is_set = true FROM unnest($1::integer[]) WITH ORDINALITY AS c (id, n)
             WHERE flag.id = c.id AND NOT is_set RETURNING c.n`,
      row: [1],
      reject: () => new Error('set already'),
    });
    expect(await texts(superuser, 'SELECT is_set::text AS text FROM flag')).toEqual(['true']);
    expect((await log.trail.record(issued())).index).toBe(index + 1);
  });

  it('plans no statement of an append again', async () => {
    const log = await open();
    const change = {
      name: 'test_nothing',
      text: `SELECT c.n FROM unnest($1::integer[]) WITH ORDINALITY AS c (id, n),
             LATERAL (SELECT FROM audit_head WHERE size >= c.id LIMIT 1) AS known`,
      row: [1],
      reject: () => new Error('not reached'),
    };
    for (let nth = 0; nth < 10; nth += 1) await log.trail.record(issued(), change);
    const plans = await log
      .get(LogConnection)
      .query<{ name: string; custom: string; generic: string }[]>(
        'SELECT name, custom_plans AS custom, generic_plans AS generic FROM pg_prepared_statements',
      );
    expect(plans.filter(({ custom }) => Number(custom) > 0)).toEqual([]);
    expect(plans.some(({ generic }) => Number(generic) > 1)).toBe(true);
  });

  it('refuses when the transaction was lost before its commit', async () => {
    const log = await open();
    const { index } = await log.trail.record(issued());
    const killed = log.trail.record(issued(), async (transaction) => {
      const [row] = await transaction.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
      await superuser.query('SELECT pg_terminate_backend($1)', [row?.pid]);
      await transaction.query('SELECT 1');
    });
    await expect(killed).rejects.toMatchObject({ status: 503 });
    expect((await log.trail.record(issued())).index).toBe(index + 1);
  });

  it('accepts unsafe texts of any length in every field that a caller controls', async () => {
    const hostile = `\r\n\0\u001b[31m\u2028\u202e\ud800${'x'.repeat(65_536)}`;
    const { id } = await (
      await open()
    ).trail.record({
      ...issued(),
      actor: {
        ...alice,
        subject: canonicalName(hostile),
        tenant: canonicalName(hostile),
        displayName: hostile,
      },
      reason: { code: hostile, detail: hostile },
      displayName: hostile,
      request: { requestId: hostile, traceId: hostile, clientAddress: hostile, userAgent: hostile },
      details: { [hostile]: hostile, list: Array.from({ length: 40 }, () => hostile) },
    });
    const [leaf = ''] = await texts(
      superuser,
      `SELECT convert_from(leaf, 'UTF8') AS text FROM audit_entry WHERE id = '${id}'`,
    );
    expect(Buffer.byteLength(leaf)).toBeLessThanOrEqual(16_384);
    expect(leaf).not.toMatch(/[\u0000-\u001f\u2028\u202e]/);
    expect(JSON.parse(leaf)).toMatchObject({ version: 1, action: 'token.issue' });
  });
});

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

async function texts(client: pg.Client, sql: string): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>(sql);
  return rows.map(({ text }) => text);
}

async function failureCount({ registry }: TestLog): Promise<number> {
  const metric = await registry.getSingleMetric('audit_append_failures_total')?.get();
  return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? NaN;
}
