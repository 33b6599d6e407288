import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EntryFeed, type AuditEvent, type AuditTrail, AuditUnavailable } from '#libs/audit';
import {
  alice,
  denied,
  issued,
  MemoryAuditTrail,
  openTestLog,
  type TestLog,
} from '#libs/audit/testing';
import { DatabaseUnavailable, ReadingDatabase, SystemClock } from '#libs/platform';
import { MemoryLogger, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { SinkMetrics } from '../metrics.js';
import type { ConfiguredSink } from '../sinks/configured-sink.js';
import { MemorySink } from '../testing/memory-sink.js';
import { type BatchRequest, type NextBatch, SinkBatches } from './sink-batches.js';
import { SinkCursors } from './sink-cursors.js';
import { SinkFailure } from './sink.js';
import { SinkWorker } from './sink-worker.js';

const ENTRIES = 250;

let database: TestDatabase;
let log: TestLog;
let cursors: SinkCursors;

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  cursors = new SinkCursors(log.get(ReadingDatabase));
  await log.trail.recordAll(Array.from({ length: ENTRIES }, (_, nth) => issued(nth)));
});
afterAll(async () => {
  await log.close();
  await database.close();
});

/** A clock whose time can jump, as that of a process that was stopped. */
class JumpingClock extends SystemClock {
  jumpMs = 0;
  /** Of the time of day only: it was set. */
  setMs = 0;

  override now(): number {
    return super.now() + this.jumpMs + this.setMs;
  }

  override monotonicNow(): number {
    return super.monotonicNow() + this.jumpMs;
  }
}

interface Parts {
  readonly batches?: SinkBatches;
  readonly cursors?: SinkCursors;
  readonly trail?: AuditTrail;
}

/** Batches that can't be read while they have a fault. */
class FaultyBatches extends SinkBatches {
  fault: Error | undefined = new TypeError('no such format');

  override async read(request: BatchRequest): Promise<NextBatch> {
    if (this.fault) throw this.fault;
    return super.read(request);
  }
}

/** Cursors whose connection is lost once, after a move was committed. */
class LostAnswerCursors extends SinkCursors {
  #isLost = false;

  override async advance(...move: Parameters<SinkCursors['advance']>): Promise<boolean> {
    const isMoved = await super.advance(...move);
    if (this.#isLost) return isMoved;
    this.#isLost = true;
    throw new DatabaseUnavailable();
  }
}

/** A replica that delivers to a sink. */
function replica(
  sink: MemorySink,
  name: string,
  {
    batches = new SinkBatches(log.get(EntryFeed)),
    cursors: ownCursors = cursors,
    trail = log.trail,
    ...more
  }: Partial<ConfiguredSink> & Parts = {},
) {
  const logger = new MemoryLogger();
  const registry = new Registry();
  const clock = new JumpingClock();
  const dependencies = {
    batches,
    cursors: ownCursors,
    metrics: new SinkMetrics(registry),
    trail,
    clock,
    logger,
  };
  const configured: ConfiguredSink = {
    ...{ name, type: 'memory', sink, start: 'beginning' },
    ...{ sendsPersonalValues: true, timeoutMs: 30_000, ...more },
  };
  const worker = new SinkWorker(configured, randomUUID(), dependencies);
  const run = async (signal = new AbortController().signal): Promise<void> => worker.run(signal);
  /** Ends the pause after a failure: that of every replica, and that of this one. */
  const endPause = async (): Promise<void> => {
    const sql = 'UPDATE audit_sink SET retry_at = now() WHERE name = $1';
    await log.database.query(sql, [name]);
    clock.jumpMs += 300_000;
  };
  return { run, logger, registry, clock, endPause };
}

const newName = (): string => `sink-${randomUUID()}`;

async function record(...events: readonly AuditEvent[]): Promise<number> {
  const receipts = await log.trail.recordAll(events);
  return receipts[0]?.index ?? -1;
}

async function stateOf(name: string) {
  return (await cursors.states()).find((state) => state.name === name);
}

const logged = ({ lines }: MemoryLogger): string[] => lines.map(({ message }) => message);

function failOnce(sink: MemorySink, failure: SinkFailure): void {
  sink.onSend = async () => {
    sink.onSend = async () => Promise.resolve();
    return Promise.reject(failure);
  };
}

describe('SinkWorker', () => {
  const aborts: AbortController[] = [];
  afterEach(() => {
    for (const abort of aborts.splice(0)) abort.abort();
  });

  it('delivers every entry of the log once and in order, in batches, and then what is added', async () => {
    const sink = new MemorySink();
    const { run, registry } = replica(sink, 'whole');
    await run();
    expect(sink.arrivals.slice(0, ENTRIES)).toEqual(Array.from({ length: ENTRIES }, (_, n) => n));
    expect(sink.records).toHaveLength(sink.arrivals.length);
    expect(Math.max(...sink.batches.map(({ length }) => length))).toBe(100);
    const index = await record(denied());
    await run();
    expect(sink.arrivals.at(-1)).toBe(index);
    const metrics = await registry.metrics();
    expect(metrics).toContain('audit_sink_lag_entries{sink="whole"} 0');
    expect(metrics).toContain(`audit_sink_delivered_entries_total{sink="whole"} ${index + 1}`);
  });

  it('begins at the end of the log if it is configured so', async () => {
    const sink = new MemorySink();
    const { run } = replica(sink, newName(), { start: 'now' });
    await run();
    expect(sink.records).toEqual([]);
    const index = await record(denied());
    await run();
    expect(sink.arrivals).toEqual([index]);
  });

  it('delivers in one process at a time, and in another once the first gives its lease back', async () => {
    const name = newName();
    const [sink, other] = [new MemorySink({ maxEntries: 10 }), new MemorySink()];
    const second = replica(other, name);
    sink.onSend = async () => second.run();
    await replica(sink, name).run();
    await second.run();
    expect(other.batches).toEqual([]);
    await log.database.query('UPDATE audit_sink SET lease_expires_at = now() WHERE name = $1', [
      name,
    ]);
    const index = await record(denied());
    await second.run();
    expect(other.arrivals).toEqual([index]);
  });

  it('sends nothing under a lease that may have ended while the process was stopped', async () => {
    const name = newName();
    const sink = new MemorySink({ maxEntries: 50 });
    const { run, clock } = replica(sink, name);
    sink.onSend = async () => {
      clock.jumpMs += 60_000;
      return Promise.resolve();
    };
    await run();
    expect(sink.batches).toHaveLength(1);
    sink.onSend = async () => Promise.resolve();
    await run();
    expect(sink.arrivals.slice(0, ENTRIES)).toEqual(Array.from({ length: ENTRIES }, (_, n) => n));
  });

  it('moves no cursor after the lease was lost, so that the other process repeats the batch', async () => {
    const name = newName();
    const [sink, other] = [new MemorySink({ maxEntries: 60 }), new MemorySink()];
    sink.onSend = async () => {
      await log.database.query('UPDATE audit_sink SET lease_holder = $2 WHERE name = $1', [
        name,
        randomUUID(),
      ]);
    };
    await replica(sink, name).run();
    expect(sink.batches).toHaveLength(1);
    expect((await stateOf(name))?.nextIndex).toBe(0);
    await log.database.query('UPDATE audit_sink SET lease_holder = NULL WHERE name = $1', [name]);
    await replica(other, name).run();
    expect(other.arrivals[0]).toBe(0);
  });

  it('pauses after a failure, in every replica, for as long as the receiver demands', async () => {
    const name = newName();
    const sink = new MemorySink();
    const { run, logger, endPause } = replica(sink, name);
    failOnce(sink, new SinkFailure('throttled', 'answered 429', { retryAfterMs: 90_000 }));
    await run();
    await run();
    await cursors.release('00000000-0000-4000-8000-000000000000');
    expect(sink.batches).toHaveLength(1);
    const state = await stateOf(name);
    expect(state).toMatchObject({
      failure: 'throttled',
      failureDetail: 'answered 429',
      nextIndex: 0,
    });
    const pauseMs = Number(state?.retryAt) - Number(state?.failingSince);
    expect(pauseMs).toBeGreaterThanOrEqual(90_000);
    expect(logged(logger)).toEqual(['audit sink fails']);
    await endPause();
    await run();
    expect((await stateOf(name))?.failure).toBeUndefined();
    expect(logged(logger)).toEqual(['audit sink fails', 'audit sink works again']);
  });

  it('leaves the sink to another replica after a failure that may be its own, which begins at once', async () => {
    const name = newName();
    const [sink, other] = [new MemorySink(), new MemorySink()];
    sink.onSend = async () => Promise.reject(new SinkFailure('refused', 'answered 403'));
    const [stale, healthy] = [replica(sink, name), replica(other, name)];
    await stale.run();
    await stale.run();
    expect(sink.batches).toHaveLength(1);
    await healthy.run();
    expect(other.arrivals.length).toBeGreaterThanOrEqual(ENTRIES);
    expect(await stateOf(name)).toMatchObject({ failure: undefined });
    stale.clock.jumpMs = 3_600_000;
    await stale.run();
    expect(sink.batches).toHaveLength(1);
  });

  it('continues at once when the one that delivered instead is gone', async () => {
    const name = newName();
    const [sink, other] = [new MemorySink(), new MemorySink()];
    failOnce(sink, new SinkFailure('unavailable', 'gave no answer'));
    const { run } = replica(sink, name);
    await run();
    await replica(other, name).run();
    await log.database.query('UPDATE audit_sink SET lease_expires_at = now() WHERE name = $1', [
      name,
    ]);
    const index = await record(denied());
    await run();
    expect(sink.arrivals.at(-1)).toBe(index);
  });

  it('shows how far it is behind while it pauses', async () => {
    const sink = new MemorySink();
    const { run, registry, clock } = replica(sink, 'pausing', { start: 'now' });
    await run();
    await record(denied());
    failOnce(sink, new SinkFailure('throttled', 'answered 429', { retryAfterMs: 3_000_000 }));
    await run();
    await record(denied(), denied());
    clock.jumpMs = 900_000;
    await run();
    expect(sink.batches).toHaveLength(1);
    const metrics = await registry.metrics();
    expect(metrics).toContain('audit_sink_lag_entries{sink="pausing"} 3');
    const [, seconds] = /audit_sink_lag_seconds\{sink="pausing"\} (\S+)/.exec(metrics) ?? [];
    expect(Number(seconds)).toBeGreaterThanOrEqual(900);
  });

  it('shows how long entries have waited whose times are ahead of the clock', async () => {
    const sink = new MemorySink();
    const { run, registry, clock } = replica(sink, 'ahead', { start: 'now' });
    clock.setMs = -150 * 86_400_000;
    await run();
    await record(denied());
    failOnce(sink, new SinkFailure('throttled', 'answered 429', { retryAfterMs: 3_000_000 }));
    await run();
    clock.jumpMs = 900_000;
    await run();
    const [, seconds] =
      /audit_sink_lag_seconds\{sink="ahead"\} (\S+)/.exec(await registry.metrics()) ?? [];
    expect(Number(seconds)).toBeGreaterThanOrEqual(900);
    expect(Number(seconds)).toBeLessThan(1_000);
  });

  it('logs a change of state once, however often it fails', async () => {
    const name = newName();
    const sink = new MemorySink();
    sink.onSend = async () => Promise.reject(new SinkFailure('unavailable', 'gave no answer'));
    const { run, logger, endPause } = replica(sink, name);
    for (let nth = 0; nth < 5; nth += 1) {
      await run();
      await endPause();
    }
    expect(sink.batches).toHaveLength(5);
    sink.onSend = async () => Promise.reject(new SinkFailure('refused', 'answered 401'));
    await run();
    expect(logged(logger)).toEqual(['audit sink fails', 'audit sink fails']);
  });

  it('keeps what the receiver confirmed of a batch that failed', async () => {
    const name = newName();
    const sink = new MemorySink();
    failOnce(sink, new SinkFailure('unavailable', 'answered 503', { confirmedCount: 40 }));
    const { run, endPause } = replica(sink, name);
    await run();
    expect((await stateOf(name))?.nextIndex).toBe(40);
    await endPause();
    await run();
    expect(sink.arrivals[0]).toBe(40);
  });

  it('delivers a rejected entry in its reduced form, and all others whole', async () => {
    const sink = new MemorySink();
    sink.onSend = async ({ records }) => {
      const bad = records.find(({ index, text }) => index === 133 && !text.includes('"reduced"'));
      if (bad) return Promise.reject(new SinkFailure('rejected', 'answered 400'));
      return Promise.resolve();
    };
    const { run, logger, registry } = replica(sink, 'reducing');
    await run();
    expect(sink.arrivals.slice(0, ENTRIES)).toEqual(Array.from({ length: ENTRIES }, (_, n) => n));
    const reduced = sink.records.filter(({ text }) => text.includes('"reduced":"rejected"'));
    expect(reduced.map(({ index }) => index)).toEqual([133]);
    expect(reduced[0]?.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(logged(logger)).toEqual(['an audit entry was delivered in its reduced form']);
    expect(await registry.metrics()).toContain(
      'audit_sink_reduced_entries_total{sink="reducing"} 1',
    );
  });

  it('stops instead of reducing everything when the receiver rejects every whole entry', async () => {
    const name = newName();
    const sink = new MemorySink({ maxEntries: 2 });
    sink.onSend = async ({ records }) =>
      records.every(({ text }) => text.includes('"reduced"'))
        ? Promise.resolve()
        : Promise.reject(new SinkFailure('rejected', 'answered 400'));
    await replica(sink, name).run();
    expect(sink.records).toHaveLength(10);
    expect(await stateOf(name)).toMatchObject({ failure: 'rejected', nextIndex: 10 });
  });

  it('reduces a record that is longer than the receiver takes, with a mark', async () => {
    const sink = new MemorySink({ maxRecordBytes: 2_048 });
    const { run } = replica(sink, newName(), { start: 'now' });
    await run();
    const index = await record({ ...issued(1), details: { long: 'x'.repeat(5_000) } });
    await run();
    expect(sink.arrivals).toEqual([index]);
    const [text = ''] = sink.records.map((one) => one.text);
    expect(JSON.parse(text)).toMatchObject({
      entry: { action: 'token.issue', details: { reduced: 'too-large' } },
    });
    expect(text.length).toBeLessThan(2_048);
  });

  it('holds no more than a batch in memory', async () => {
    const sink = new MemorySink({ maxBatchBytes: 20_000 });
    await replica(sink, newName()).run();
    const sizes = sink.batches.map((records) =>
      records.reduce((sum, { text }) => sum + text.length, 0),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(20_000);
    expect(sink.arrivals.slice(0, ENTRIES)).toEqual(Array.from({ length: ENTRIES }, (_, n) => n));
  });

  it('sends no personal value that was erased, also when it was part of a failed attempt', async () => {
    const name = newName();
    const sink = new MemorySink();
    const { run, endPause } = replica(sink, name, { start: 'now' });
    await run();
    const index = await record(issued(7));
    failOnce(sink, new SinkFailure('unavailable', 'gave no answer'));
    await run();
    expect(sink.batches[0]?.[0]?.text).toContain('203.0.113.7');
    const { receipt } = await log.auditLog.erase(
      { actor: { kind: 'operator', name: 'operator' } },
      { tenant: alice.tenant, subject: alice.subject },
    );
    await endPause();
    await run();
    expect(sink.arrivals).toEqual([index, receipt.index]);
    const [text = '', erasure = ''] = sink.records.map((one) => one.text);
    expect(text).not.toMatch(/203\.0\.113|Alice|Mozilla/);
    // What the receiver had before is erased there, by this entry.
    expect(JSON.parse(erasure)).toMatchObject({
      entry: { action: 'audit.erase', target: { tenant: alice.tenant, subject: alice.subject } },
    });
  });

  it('sends no personal value at all if it is configured so', async () => {
    const sink = new MemorySink();
    const { run } = replica(sink, newName(), { start: 'now', sendsPersonalValues: false });
    await run();
    await record(issued(9));
    await run();
    expect(sink.records[0]?.text).toContain('"personal":{}');
  });

  it('delivers an entry whose stored bytes are damaged as such, and those around it', async () => {
    const sink = new MemorySink();
    const { run } = replica(sink, newName(), { start: 'now' });
    await run();
    const first = await record(issued(1), issued(2), issued(3));
    const superuser = await openSuperuser();
    await superuser.query(`UPDATE audit_entry SET leaf = '\\x00ff' WHERE entry_index = $1`, [
      first + 1,
    ]);
    await superuser.close();
    await run();
    expect(sink.arrivals).toEqual([first, first + 1, first + 2]);
    const actions = sink.records.map(({ action }) => action);
    expect(actions).toEqual(['token.issue', 'x-audit.damaged', 'token.issue']);
    expect(JSON.parse(sink.records[1]?.text ?? '')).toMatchObject({
      index: first + 1,
      entry: { details: { storedBytes: 'AP8=' } },
    });
  });

  it('delivers entries that were deleted or moved to another time as damaged, in the order of the log', async () => {
    const sink = new MemorySink();
    const { run, logger, registry } = replica(sink, 'missing', { start: 'now' });
    await run();
    const first = await record(...Array.from({ length: 6 }, (_, nth) => issued(nth)));
    const superuser = await openSuperuser();
    await superuser.query('DELETE FROM audit_entry WHERE entry_index IN ($1, $2)', [
      first + 1,
      first + 5,
    ]);
    const move = 'UPDATE audit_entry SET recorded_at = $2 WHERE entry_index = $1';
    await superuser.query(move, [first + 3, 'infinity']);
    await superuser.close();
    await run();
    expect(sink.records.map(({ index, action }) => [index - first, action])).toEqual([
      [0, 'token.issue'],
      [1, 'x-audit.damaged'],
      [2, 'token.issue'],
      [3, 'x-audit.damaged'],
      [4, 'token.issue'],
      [5, 'x-audit.damaged'],
    ]);
    const [whole, missing] = sink.records;
    expect(JSON.parse(missing?.text ?? '')).toMatchObject({
      index: first + 1,
      entry: { details: { isMissing: true }, recordedAt: whole?.recordedAt },
    });
    // Only what the log says was retired counts as retired.
    expect(logged(logger)).toEqual([]);
    expect(await registry.metrics()).not.toContain(
      'audit_sink_retired_entries_total{sink="missing"}',
    );
  });

  it('delivers rows whose times and bytes are none that the service writes as damaged, and those around them', async () => {
    const sink = new MemorySink();
    const { run } = replica(sink, newName(), { start: 'now' });
    await run();
    const first = await record(issued(1), issued(2), issued(3));
    await record(issued(4));
    const superuser = await openSuperuser();
    await superuser.query(
      String.raw`UPDATE audit_entry SET leaf = '\x00',
        recorded_at = recorded_at + interval '3 microseconds' WHERE entry_index = $1`,
      [first + 1],
    );
    await superuser.close();
    await run();
    const actions = sink.records.map(({ action }) => action);
    expect(actions).toEqual(['token.issue', 'x-audit.damaged', 'token.issue', 'token.issue']);
    expect(JSON.parse(sink.records[1]?.text ?? '')).toMatchObject({
      entry: { details: { storedBytes: 'AA==' }, recordedAt: sink.records[0]?.recordedAt },
    });
  });

  it('delivers no personal value that was changed, and its entry as damaged', async () => {
    const sink = new MemorySink();
    const { run } = replica(sink, newName(), { start: 'now' });
    await run();
    const first = await record(issued(1), issued(2));
    const superuser = await openSuperuser();
    await superuser.query(
      `UPDATE audit_personal SET display_name = 'Eve Elsewhere' WHERE entry_index = $1`,
      [first],
    );
    await superuser.close();
    await run();
    expect(sink.records.map(({ action }) => action)).toEqual(['x-audit.damaged', 'token.issue']);
    expect(sink.records[0]?.text).not.toContain('Eve Elsewhere');
  });

  it('records that its cursor was moved also when that could not be recorded at first', async () => {
    const name = newName();
    const trail = new MemoryAuditTrail();
    const { run, endPause } = replica(new MemorySink(), name, { start: 'now', trail });
    await run();
    await log.database.query('UPDATE audit_sink SET next_index = 1000000 WHERE name = $1', [name]);
    trail.outage = new AuditUnavailable();
    await expect(run()).rejects.toThrow(AuditUnavailable);
    expect(await stateOf(name)).toMatchObject({ failure: 'blocked' });
    trail.outage = undefined;
    await endPause();
    await run();
    expect(trail.entries.map(({ action }) => action)).toEqual(['audit.damage']);
  });

  it.each([
    ['beyond the log', '1000000'],
    ['before the log', '-5'],
    ['over entries that it was to deliver', 'next_index + 2'],
  ])('delivers everything when its cursor was moved %s, and records it', async (_where, index) => {
    const name = newName();
    const sink = new MemorySink();
    const { run, logger } = replica(sink, name, { start: 'now' });
    await run();
    const first = await record(issued(1), issued(2), issued(3));
    const sql = `UPDATE audit_sink SET next_index = ${index} WHERE name = $1`;
    await log.database.query(sql, [name]);
    await run();
    expect(sink.arrivals.slice(0, 3)).toEqual([first, first + 1, first + 2]);
    expect(sink.records.at(-1)?.action).toBe('audit.damage');
    expect(sink.records.at(-1)?.text).toContain(`sink ${name}: the cursor was moved to`);
    expect(logged(logger)).toEqual(['audit sink cursor was moved']);
    await run();
    expect(logged(logger)).toHaveLength(1);
  });

  it('takes its own move of the cursor, whose answer was lost, for no damage, and repeats nothing', async () => {
    const [sink, name] = [new MemorySink(), newName()];
    const lostAnswer = new LostAnswerCursors(log.get(ReadingDatabase));
    const { run, logger } = replica(sink, name, { cursors: lostAnswer });
    await expect(run()).rejects.toBeInstanceOf(DatabaseUnavailable);
    await run();
    expect(logged(logger)).toEqual([]);
    expect(sink.arrivals).toEqual([...new Set(sink.arrivals)]);
    expect(sink.arrivals.length).toBeGreaterThanOrEqual(ENTRIES);
  });

  it('delivers the whole log again when a process finds its cursor beyond the log', async () => {
    const name = newName();
    const sink = new MemorySink();
    await cursors.create(name, 1_000_000);
    await replica(sink, name).run();
    expect(sink.arrivals.slice(0, ENTRIES)).toEqual(Array.from({ length: ENTRIES }, (_, n) => n));
  });

  it.each([
    ['no end', 'NULL'],
    ['an end that no lease has', `'infinity'`],
  ])('takes a lease with %s, and makes no pause that never ends', async (_what, end) => {
    const name = newName();
    const sink = new MemorySink();
    await cursors.create(name, 0);
    const sql = `UPDATE audit_sink SET lease_holder = gen_random_uuid(), lease_expires_at = ${end},
      retry_at = 'infinity' WHERE name = $1`;
    await log.database.query(sql, [name]);
    expect(await stateOf(name)).toMatchObject({ isLeased: false });
    await replica(sink, name).run();
    expect(sink.records.length).toBeGreaterThanOrEqual(ENTRIES);
  });

  it('is blocked while the next entries can not be read, says why, and continues when they can', async () => {
    const name = newName();
    const sink = new MemorySink();
    const batches = new FaultyBatches(log.get(EntryFeed));
    const { run, logger, registry, endPause } = replica(sink, name, { batches });
    await expect(run()).rejects.toThrow('no such format');
    const failure = { failure: 'blocked', failureDetail: 'TypeError: no such format' };
    expect(await stateOf(name)).toMatchObject(failure);
    expect(await registry.metrics()).toContain(`audit_sink_failing{sink="${name}"} 1`);
    batches.fault = undefined;
    await endPause();
    await run();
    expect(sink.arrivals.slice(0, ENTRIES)).toHaveLength(ENTRIES);
    expect(await stateOf(name)).toMatchObject({ failure: undefined });
    expect(logged(logger)).toEqual(['audit sink fails', 'audit sink works again']);
  });

  it('lets an attempt end when the process stops, and begins no other', async () => {
    const name = newName();
    const sink = new MemorySink({ maxEntries: 10 });
    const stop = new AbortController();
    sink.onSend = async () => {
      stop.abort();
      return Promise.resolve();
    };
    await replica(sink, name).run(stop.signal);
    expect(sink.batches).toHaveLength(1);
    expect((await stateOf(name))?.nextIndex).toBe(10);
  });
});

/** Edits rows as nobody but a superuser can. */
async function openSuperuser() {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: database.superuserUrl });
  await client.connect();
  await client.query('SET session_replication_role = replica');
  return {
    query: async (sql: string, parameters: unknown[]) => client.query(sql, parameters),
    close: async () => client.end(),
  };
}
