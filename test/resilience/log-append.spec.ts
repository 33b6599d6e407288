import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  type AuditReceipt,
  type AuditTrail,
  AuditUnavailable,
  DatabaseVerifier,
  type RecordOptions,
  type RowChange,
  together,
} from '#libs/audit';
import { issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { DelayProxy } from '../support/delay-proxy.js';

let database: TestDatabase;
let proxy: DelayProxy;
let superuser: pg.Client;
const logs: TestLog[] = [];

beforeEach(async () => {
  database = await testDatabase();
  proxy = await DelayProxy.start({ targetPort: inject('cluster').port });
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('CREATE TABLE counter (id text PRIMARY KEY, version integer NOT NULL)');
  await superuser.query('GRANT SELECT, INSERT, UPDATE ON counter TO PUBLIC');
});

afterEach(async () => {
  proxy.resume();
  await Promise.all(logs.splice(0).map(async (log) => log.close()));
  await superuser.end();
  await proxy.stop();
  await database.close();
});

async function open(options: Parameters<typeof openTestLog>[1] = {}): Promise<TestLog> {
  const log = await openTestLog(proxy.urlOf(database.serviceUrl), options);
  logs.push(log);
  return log;
}

async function rows<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
  return (await superuser.query<Row>(sql)).rows;
}

/** Connects a log whose deadline may be too short for that. @returns the index of its last entry */
async function warmUp({ trail }: TestLog): Promise<number> {
  await expect.poll(async () => trail.record(issued()).catch(() => undefined)).toBeDefined();
  return (await ids()).length - 1;
}

class Stale extends Error {}

/** Expects the counter at a version, and increments it. */
function increment(id: string, version: number): RowChange {
  return {
    name: 'test_increment',
    text: `UPDATE counter SET version = counter.version + 1
           FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS c (id, version, n)
           WHERE counter.id = c.id AND counter.version = c.version RETURNING c.n`,
    row: [id, version],
    reject: (cause) => new Stale('stale', { cause }),
  };
}

/** Increments the counter, if there is one. */
function incrementAny(id: string): RowChange {
  return {
    name: 'test_increment_any',
    text: `UPDATE counter SET version = counter.version + 1
           FROM unnest($1::text[]) WITH ORDINALITY AS c (id, n) WHERE counter.id = c.id RETURNING c.n`,
    row: [id],
    isOptional: true,
    reject: (cause) => new Stale('none', { cause }),
  };
}

/** Expects the counter at a version. */
function expectVersion(id: string, version: number): RowChange {
  return {
    name: 'test_expect_version',
    text: `SELECT c.n FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS c (id, version, n),
           LATERAL (SELECT version FROM counter WHERE counter.id = c.id LIMIT 1) AS stored
           WHERE stored.version = c.version`,
    row: [id, version],
    isCondition: true,
    reject: (cause) => new Stale('stale', { cause }),
  };
}

/** Renames a counter: the primary key may refuse it. */
function rename(id: string, to: string): RowChange {
  return {
    name: 'test_rename',
    text: `UPDATE counter SET id = c.next FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c (id, next, n)
           WHERE counter.id = c.id RETURNING c.n`,
    row: [id, to],
    reject: (cause) => new Stale('taken', { cause }),
  };
}

async function expectWhole(log: TestLog): Promise<void> {
  const { origin } = log.settings;
  const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
  const report = await log.get(DatabaseVerifier).verify({ origin, verifiers, known: [] });
  expect(report.faults).toEqual([]);
}

/** Ids of the entries in the log, in their order. */
async function ids(): Promise<string[]> {
  return (await rows<{ id: string }>('SELECT id FROM audit_entry ORDER BY entry_index')).map(
    ({ id }) => id,
  );
}

async function commits(): Promise<number> {
  const [row] = await rows<{ count: string }>('SELECT count(*) FROM audit_head');
  return Number(row?.count);
}

describe('an entry that the server refuses for its values', () => {
  it('fails alone, among entries and changes of others', async () => {
    await superuser.query(`INSERT INTO counter SELECT 'c' || n, 1 FROM generate_series(0, 19) n`);
    await superuser.query(`CREATE FUNCTION refuse_value() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF convert_from(NEW.leaf, 'UTF8') LIKE '%unstorable%' THEN
        RAISE EXCEPTION 'character has no equivalent' USING ERRCODE = '22P05';
      END IF;
      RETURN NEW; END $$`);
    await superuser.query(`CREATE TRIGGER refuse_value BEFORE INSERT ON audit_entry
      FOR EACH ROW EXECUTE FUNCTION refuse_value()`);
    const log = await open();
    await log.trail.record(issued());
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, nth) =>
        log.trail.record(
          { ...issued(nth), ...(nth % 7 === 3 && { reason: { code: 'unstorable' } }) },
          nth % 2 === 0 ? increment(`c${nth}`, 1) : undefined,
        ),
      ),
    );
    const rejected = outcomes.map((outcome) => outcome.status === 'rejected');
    expect(rejected).toEqual(outcomes.map((_, nth) => nth % 7 === 3));
    const changed = await rows<{ id: string }>(`SELECT id FROM counter WHERE version = 2`);
    expect(changed).toHaveLength(9);
    await expectWhole(log);
  });
});

describe('the changes of a batch', () => {
  it.each([1, 3])('are rejected alone, with %i replicas', async (replicas) => {
    await superuser.query(`INSERT INTO counter SELECT 'c' || n, 1 FROM generate_series(0, 39) n`);
    const trails: AuditTrail[] = [];
    for (let nth = 0; nth < replicas; nth += 1) trails.push((await open()).trail);
    for (const trail of trails) await trail.record(issued());
    const before = await commits();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, async (_, nth) => {
        const trail = trails[nth % replicas];
        const stale = nth % 5 === 0 ? 7 : 1;
        const id = `c${nth}`;
        return trail?.record(
          issued(nth),
          nth % 2 === 0 ? increment(id, stale) : expectVersion(id, stale),
        );
      }),
    );
    const rejected = outcomes.map((outcome) => outcome.status === 'rejected');
    expect(rejected).toEqual(outcomes.map((_, nth) => nth % 5 === 0));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(Stale);
    }
    const changed = await rows('SELECT FROM counter WHERE version = 2');
    expect(changed).toHaveLength(16);
    expect(await ids()).toHaveLength(replicas + 32);
    expect((await commits()) - before).toBeLessThanOrEqual(3 * replicas);
    for (const log of logs) await expectWhole(log);
  });

  it('are made once for each row: one of two changes of a version is rejected', async () => {
    await superuser.query(`INSERT INTO counter VALUES ('one', 1)`);
    const { trail } = await open();
    await trail.record(issued());
    const outcomes = await Promise.allSettled([
      trail.record(issued(1), increment('one', 1)),
      trail.record(issued(2), increment('one', 1)),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await rows('SELECT version FROM counter')).toEqual([{ version: 2 }]);
  });

  it('may expect the same row: two tokens of one person share a batch', async () => {
    await superuser.query(`INSERT INTO counter VALUES ('one', 1)`);
    const { trail } = await open();
    await trail.record(issued());
    const before = await commits();
    await Promise.all([1, 2, 3].map(async (n) => trail.record(issued(n), expectVersion('one', 1))));
    expect((await commits()) - before).toBe(1);
  });

  it('check conditions after all changes, whatever the order of their entries', async () => {
    await superuser.query(`INSERT INTO counter VALUES ('one', 1)`);
    const { trail } = await open();
    await trail.record(issued());
    const [token, change] = await Promise.allSettled([
      trail.record(issued(1), expectVersion('one', 1)),
      trail.record(issued(2), increment('one', 1)),
    ]);
    expect([token.status, change.status]).toEqual(['rejected', 'fulfilled']);
  });

  it('that violate a constraint take no other along', async () => {
    await superuser.query(`INSERT INTO counter SELECT 'c' || n, 1 FROM generate_series(0, 9) n`);
    const log = await open();
    await log.trail.record(issued());
    const outcomes = await Promise.allSettled([
      log.trail.record(issued(1), increment('c1', 1)),
      log.trail.record(issued(2), rename('c2', 'c3')),
      log.trail.record(issued(3), rename('c4', 'new')),
      log.trail.record(issued(4)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(outcomes[1]).toMatchObject({ reason: { message: 'taken' } });
    await expectWhole(log);
  });
});

describe('several changes of one record', () => {
  const versions = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await rows<{ id: string; version: number }>('SELECT * FROM counter')).map(
        ({ id, version }) => [id, version],
      ),
    );
  const append = async (log: TestLog, writes: readonly (readonly RowChange[])[]) => {
    const outcomes = await Promise.allSettled(
      writes.map(async (changes, nth) => log.trail.record(issued(nth), together(changes))),
    );
    return outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? 'held' : String(outcome.reason),
    );
  };

  beforeEach(async () => {
    await superuser.query(`INSERT INTO counter VALUES ('a', 1), ('b', 1), ('c', 1), ('d', 1)`);
  });

  it('share the commit and the round trip of others', async () => {
    const log = await open();
    await log.trail.record(issued());
    const before = await commits();
    const { roundTrips } = proxy;
    const outcomes = await append(log, [
      [increment('a', 1), increment('b', 1), expectVersion('d', 1)],
      [increment('c', 1), incrementAny('d2')],
      ...Array.from({ length: 100 }, (_, nth) => [expectVersion('d', 1), incrementAny(`e${nth}`)]),
    ]);
    expect(new Set(outcomes)).toEqual(new Set(['held']));
    expect((await commits()) - before).toBe(1);
    expect(proxy.roundTrips - roundTrips).toBe(1);
    expect(await versions()).toEqual({ a: 2, b: 2, c: 2, d: 1 });
  });

  it.each([1, 2])(
    'are all rejected with one of them, and reject no other, with %i replicas',
    async (replicas) => {
      const log = await open();
      if (replicas > 1) await (await open()).trail.record(issued());
      await log.trail.record(issued());
      const size = (await ids()).length;
      const outcomes = await append(log, [
        [increment('a', 1), increment('b', 7)],
        [increment('a', 1), incrementAny('d')],
        [increment('b', 1), expectVersion('c', 7)],
        [increment('b', 1), incrementAny('none')],
        [increment('c', 7), incrementAny('c')],
      ]);
      const stale = 'Error: stale';
      expect(outcomes).toEqual([stale, 'held', stale, 'held', stale]);
      expect(await versions()).toEqual({ a: 2, b: 2, c: 1, d: 2 });
      expect(await ids()).toHaveLength(size + 2);
      await expectWhole(log);
    },
  );

  it('that are optional are made of no record that is rejected, without another commit', async () => {
    const log = await open();
    await log.trail.record(issued());
    const before = await commits();
    const outcomes = await append(log, [
      [increment('a', 7), incrementAny('d')],
      [increment('b', 1), incrementAny('c')],
      [increment('a', 8), incrementAny('c')],
    ]);
    expect(outcomes).toEqual(['Error: stale', 'held', 'Error: stale']);
    expect(await versions()).toEqual({ a: 1, b: 2, c: 2, d: 1 });
    expect((await commits()) - before).toBe(1);
    await expectWhole(log);
  });

  it('that are optional are made before conditions are checked', async () => {
    const log = await open();
    await log.trail.record(issued());
    const outcomes = await append(log, [[expectVersion('a', 1)], [incrementAny('a')]]);
    expect(outcomes).toEqual(['Error: stale', 'held']);
    expect(await versions()).toMatchObject({ a: 2 });
  });

  it('that violate a constraint are all undone', async () => {
    const log = await open();
    await log.trail.record(issued());
    const outcomes = await append(log, [
      [rename('b', 'c'), increment('a', 1)],
      [increment('d', 1), incrementAny('a')],
    ]);
    expect(outcomes).toEqual(['Error: taken', 'held']);
    expect(await versions()).toEqual({ a: 2, b: 1, c: 1, d: 2 });
    await expectWhole(log);
  });
});

describe('the connection of the log', () => {
  it('appends a batch with one commit, and waits once for the server', async () => {
    const { trail } = await open();
    await trail.record(issued());
    const before = await commits();
    const { roundTrips } = proxy;
    proxy.delayMs = 50;
    await Promise.all(Array.from({ length: 60 }, async (_, nth) => trail.record(issued(nth))));
    expect(proxy.roundTrips - roundTrips).toBe(1);
    expect((await commits()) - before).toBe(1);
  });

  it.each(['before', 'after'])(
    'answers every record once when the answer is lost %s the commit',
    async (moment) => {
      const log = await open();
      await log.trail.record(issued());
      if (moment === 'after') proxy.loseAnswers();
      else proxy.pause();
      const records = Promise.all(
        Array.from({ length: 5 }, async (_, nth) => log.trail.record(issued(nth))),
      );
      if (moment === 'after') await expect.poll(async () => (await ids()).length).toBe(6);
      else await new Promise((resolve) => setTimeout(resolve, 100));
      proxy.cut();
      proxy.resume();
      const receipts = await records;
      const stored = await ids();
      expect(receipts.map(({ index }) => stored[index])).toEqual(receipts.map(({ id }) => id));
      expect(stored).toHaveLength(6);
      await expectWhole(log);
    },
  );

  it('is renewed when its server process is killed in a flight, and nothing is appended twice', async () => {
    const log = await open();
    await log.trail.record(issued());
    for (let round = 0; round < 5; round += 1) {
      const records = Promise.all(
        Array.from({ length: 20 }, async (_, nth) => log.trail.record(issued(nth))),
      );
      await new Promise((resolve) => setTimeout(resolve, round));
      await superuser.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'acs-identity log'
         AND datname = current_database()`,
      );
      await records;
    }
    expect(await ids()).toHaveLength(101);
    expect(new Set(await ids()).size).toBe(101);
    await expectWhole(log);
  });

  it('commits nothing after its records were refused: the lost flight is ended first', async () => {
    const log = await open({ timeoutMs: 300 });
    await warmUp(log);
    // The flight waits for the lock when its connection is lost; another replica never appends.
    await superuser.query('BEGIN');
    await superuser.query('SELECT audit_lock_head(60000)');
    const refused = log.trail.record(issued(1)).catch((error: unknown) => error);
    await expect
      .poll(async () => rows(`SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'`))
      .toHaveLength(1);
    proxy.cut();
    expect(await refused).toBeInstanceOf(AuditUnavailable);
    await superuser.query('ROLLBACK');
    await expect
      .poll(async () =>
        log.trail.record(issued(2)).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    expect(
      await rows(`SELECT FROM audit_entry WHERE token_fingerprint LIKE '%000000000001A%'`),
    ).toHaveLength(0);
    await expectWhole(log);
  });

  it('ends a lost flight that the server has not read to its end, before it sends another', async () => {
    const log = await open({ timeoutMs: 20_000 });
    await log.trail.record(issued());
    const blocked = async (): Promise<unknown> =>
      rows(`SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'audit_entry'::regclass`);
    await superuser.query('BEGIN');
    await superuser.query('LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE');
    const recorded = log.trail.record(issued(1));
    await expect.poll(blocked).toHaveLength(1);
    const first = await blocked();
    proxy.cut();
    await expect.poll(blocked).not.toEqual(first);
    await expect.poll(blocked).toHaveLength(1);
    await superuser.query('ROLLBACK');
    const { id } = await recorded;
    expect((await ids()).filter((stored) => stored === id)).toHaveLength(1);
    await expectWhole(log);
  });

  it('is closed at the end', async () => {
    const log = await open();
    await log.trail.record(issued());
    await logs.pop()?.close();
    await expect
      .poll(async () =>
        rows(`SELECT FROM pg_stat_activity WHERE application_name LIKE 'acs-identity%'
              AND datname = current_database()`),
      )
      .toHaveLength(0);
  });
});

describe('several replicas', () => {
  it('append in alternation, each entry once, and the log is whole', async () => {
    proxy.delayMs = 1;
    const replicas = [await open(), await open(), await open()];
    const receipts: AuditReceipt[] = [];
    await Promise.all(
      replicas.map(async ({ trail }, replica) => {
        for (let round = 0; round < 15; round += 1) {
          const batch = Array.from({ length: 4 }, async (_, nth) =>
            trail.record(issued(replica * 1000 + round * 4 + nth)),
          );
          receipts.push(...(await Promise.all(batch)));
        }
      }),
    );
    const stored = await ids();
    expect(stored).toHaveLength(180);
    for (const { id, index } of receipts) expect(stored[index]).toBe(id);
    for (const log of logs) await expectWhole(log);
  });
});

describe('a caller who has gone', () => {
  const late =
    (mark: string): NonNullable<RecordOptions['late']> =>
    (receipts) => [
      {
        ...issued(),
        outcome: 'failure',
        reason: { code: 'audit-late' },
        details: { mark, entryIndex: receipts.at(-1)?.index ?? -1 },
      },
    ];

  async function lateIndexes(): Promise<number[]> {
    const found = await rows<{ leaf: Buffer }>(
      `SELECT leaf FROM audit_entry WHERE reason_code = 'audit-late' ORDER BY entry_index`,
    );
    return found.map(
      ({ leaf }) =>
        (JSON.parse(leaf.toString()) as { details: { entryIndex: number } }).details.entryIndex,
    );
  }

  it('at the deadline: successes in the log are receipts or have a later entry, also across a shutdown', async () => {
    const log = await open({ timeoutMs: 150 });
    const last = await warmUp(log);
    proxy.delayMs = 90;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, async (_, nth) =>
        log.trail.record(issued(nth), undefined, { late: late(String(nth)) }),
      ),
    );
    await logs.pop()?.close();
    proxy.delayMs = 0;
    const received = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value.index] : [],
    );
    const successes = await rows<{ entry_index: string }>(
      `SELECT entry_index FROM audit_entry WHERE outcome = 'success' AND entry_index > ${last} ORDER BY entry_index`,
    );
    const accounted = [...received, ...(await lateIndexes())].sort((a, b) => a - b);
    expect(accounted).toEqual(successes.map(({ entry_index: index }) => Number(index)));
    expect(received.length).toBeLessThan(300);
    await expectWhole(await open());
  });

  it('while the database is away: the late entry is added when it is back', async () => {
    const log = await open({ timeoutMs: 200 });
    const last = await warmUp(log);
    proxy.loseAnswers();
    const refused = log.trail.record(issued(1), undefined, { late: late('lost') });
    await expect(refused).rejects.toBeInstanceOf(AuditUnavailable);
    expect(await ids()).toHaveLength(last + 2);
    proxy.cut();
    await expect.poll(lateIndexes).toEqual([last + 1]);
    await expectWhole(log);
  });

  it('by its signal: not recorded before the commit begins, and as late afterwards', async () => {
    const log = await open();
    await log.trail.record(issued());
    proxy.delayMs = 60;
    const [first, second] = [new AbortController(), new AbortController()];
    const committing = log.trail.record(issued(1), undefined, {
      signal: first.signal,
      late: late('first'),
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    const waiting = log.trail.record(issued(2), undefined, {
      signal: second.signal,
      late: late('second'),
    });
    first.abort();
    second.abort();
    await Promise.all([committing, expect(waiting).rejects.toBe(second.signal.reason)]);
    await expect.poll(lateIndexes).toEqual([1]);
    expect(await ids()).toHaveLength(3);
  });
});

describe('a queue that is longer than the deadline allows', () => {
  it('is refused before other work, with the time until it is worth a repeat', async () => {
    const log = await open({ timeoutMs: 400 });
    for (let n = 0; n < 3; n += 1) {
      // On a busy machine some are too late for this deadline.
      await Promise.allSettled(
        Array.from({ length: 64 }, async (_, nth) => log.trail.record(issued(nth))),
      );
    }
    log.trail.requireCapacity();
    proxy.pause();
    const waiting = Promise.allSettled(
      Array.from({ length: 5_000 }, async (_, nth) => log.trail.record(issued(nth))),
    );
    await expect
      .poll(() => {
        try {
          log.trail.requireCapacity();
          return undefined;
        } catch (error) {
          return error;
        }
      })
      .toMatchObject({ code: 'audit-unavailable', retryAfterSeconds: expect.any(Number) });
    proxy.resume();
    await waiting;
  });
});
