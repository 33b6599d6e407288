import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { NoteSigner, parseLogKeys, signCheckpoint } from '#libs/transparency-log';
import { AuditUnavailable, LogOriginDiffers, LogOriginUnfit } from '../errors.js';
import { issued } from '../testing/sample-events.js';
import {
  openTestLog,
  TEST_SIGNING_SEED,
  type TestLog,
  type TestLogOptions,
} from '../testing/test-log.js';
import { TestVerifier } from '../testing/test-verifier.js';
import { DatabaseVerifier } from '../verify/database-verifier.js';
import { examineLog } from './examine-log.js';
import { LogKeys } from './log-keys.js';

const NAME = 'log.example/audit';
const NEXT = 'log.example/restored';
const renaming = { origin: NEXT, previousOrigin: NAME };

describe('the name of a log', () => {
  let database: TestDatabase;
  let logs: TestLog[];

  beforeEach(async () => {
    database = await testDatabase();
    logs = [];
  });
  afterEach(async () => {
    await Promise.all(logs.map(async (log) => log.close()));
    await database.close();
  });

  async function process(options: TestLogOptions = {}): Promise<TestLog> {
    const log = await openTestLog(database.serviceUrl, options);
    logs.push(log);
    return log;
  }

  /** The names of all heads, oldest first. */
  async function names(): Promise<string[]> {
    const [log] = logs;
    const heads = await log?.database.query<{ name: string }>(
      `SELECT split_part(checkpoint, E'\\n', 1) AS name FROM audit_head ORDER BY size`,
    );
    return heads?.map(({ name }) => name) ?? [];
  }

  /** What the background verification of each process, one after the other, records as damage. */
  async function damage(): Promise<string[]> {
    for (const log of logs) await new TestVerifier(log).pass();
    const entries = await logs[0]?.database.query<{ detail: string }>(
      `SELECT reason_detail AS detail FROM audit_entry WHERE action = 'audit.damage' ORDER BY entry_index`,
    );
    return entries?.map(({ detail }) => detail) ?? [];
  }

  async function asSuperuser(sql: string, parameters: unknown[] = []): Promise<void> {
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query('SET session_replication_role = replica');
    await superuser.query(sql, parameters);
    await superuser.end();
  }

  it('is kept when a process has another one, which records nothing and is not ready', async () => {
    const right = await process();
    await right.trail.record(issued());
    const wrong = await process({ origin: 'log.example/typo' });
    const reason = `the log has the name ${NAME}, but AUDIT_LOG_ORIGIN is log.example/typo`;
    expect(await wrong.readiness.ask()).toMatchObject({
      audit: { isReady: false, reason: expect.stringContaining(reason) as string },
    });
    const refused = await wrong.trail.record(issued()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AuditUnavailable);
    expect((refused as AuditUnavailable).cause).toBeInstanceOf(LogOriginDiffers);
    await expect(
      wrong.trail.record(issued(), async () => Promise.resolve()),
    ).rejects.toBeInstanceOf(AuditUnavailable);
    await expect(examineLog(wrong)).rejects.toThrow(LogOriginDiffers);

    await right.trail.record(issued());
    expect(await names()).toEqual([NAME, NAME]);
    expect(await damage()).toEqual([]);
    expect(await right.readiness.ask()).toMatchObject({ audit: { isReady: true } });
  });

  it('begins with no quotes, and stays as it is in a log that has them', async () => {
    const quoted = '"log.example/audit"';
    const wrong = await process({ origin: quoted });
    expect(await wrong.readiness.ask()).toMatchObject({
      audit: { isReady: false, reason: expect.stringContaining('AUDIT_LOG_ORIGIN') as string },
    });
    const refused = await wrong.trail.record(issued()).catch((error: unknown) => error);
    expect((refused as AuditUnavailable).cause).toBeInstanceOf(LogOriginUnfit);
    await expect(examineLog(wrong)).rejects.toThrow(LogOriginUnfit);
    expect(await names()).toEqual([]);

    const right = await process();
    await right.trail.record(issued());
    await (await process({ origin: quoted, previousOrigin: NAME })).trail.record(issued());
    const old = await process({ origin: quoted });
    await old.trail.record(issued());
    expect(await names()).toEqual([NAME, quoted, quoted]);
    expect((await old.readiness.ask()).audit).toEqual({ isReady: true });
  });

  it('is replaced by a process that names it as the previous one; others follow until their restart', async () => {
    const old = await process();
    const oldToo = await process();
    await old.trail.record(issued());
    await oldToo.trail.record(issued());
    const next = await process(renaming);
    expect((await next.readiness.ask()).audit).toEqual({ isReady: true });
    await next.trail.record(issued());
    for (const log of [old, next, oldToo, old]) await log.trail.record(issued());
    await old.trail.record(issued(), async () => Promise.resolve());
    expect(await names()).toEqual([NAME, NAME, ...Array.from({ length: 6 }, () => NEXT)]);

    expect(await old.readiness.ask()).toMatchObject({
      audit: { isReady: true, degradation: expect.stringContaining(NEXT) as string },
    });
    const command = await process();
    await command.trail.record(issued());
    expect((await names()).at(-1)).toBe(NEXT);
    await expect(examineLog(command)).rejects.toThrow(LogOriginDiffers);
    expect(await damage()).toEqual([]);

    for (const log of [old, next]) {
      const [current, retired] = await log.get(LogKeys).lines();
      expect(current).toMatch(/^log\.example\/restored\+[^ ]+$/);
      expect(retired).toMatch(/^log\.example\/audit\+.* until 2$/);
      const trust = { origin: NEXT, ...parseLogKeys(await log.get(LogKeys).lines()) };
      const { faults } = await log.get(DatabaseVerifier).verify({ ...trust, known: [] });
      expect(faults).toEqual([]);
    }
  });

  it('is the name that alternating processes of earlier releases left, and nothing of theirs is damage', async () => {
    const log = await process();
    await log.trail.record(issued());
    const other = await process({ origin: NEXT, previousOrigin: NAME });
    await other.trail.record(issued());
    const back = await process({ origin: NAME, previousOrigin: NEXT });
    await back.trail.record(issued());
    await (await process(renaming)).trail.record(issued());
    expect(await names()).toEqual([NAME, NEXT, NAME, NEXT]);
    expect(await damage()).toEqual([]);
  });

  it.each([
    ['its name, but with another key', NAME, randomBytes(32)],
    ['another name and with another key', NEXT, randomBytes(32)],
    ['another name that was never listed', NEXT, Buffer.from(TEST_SIGNING_SEED, 'base64')],
  ])(
    'is no other one because a row says so: a head under %s is damage, and stops nobody',
    async (_what, name, seed) => {
      const log = await process();
      for (let nth = 0; nth < 2; nth += 1) await log.trail.record(issued());
      await new TestVerifier(log).pass();
      const [head] = await log.database.query<{ root: Buffer }>(
        'SELECT root FROM audit_head WHERE size = 2',
      );
      const root = head?.root ?? Buffer.of();
      const signer = new NoteSigner(name, seed);
      const forged = signCheckpoint({ origin: name, size: 2, root }, [signer]);
      await asSuperuser('UPDATE audit_head SET checkpoint = $1 WHERE size = 2', [forged]);
      const other = await process();
      const before = await names();
      await other.trail.record(issued());
      expect((await names()).slice(before.length)).toEqual([NAME]);
      expect(await damage()).toContainEqual(expect.stringContaining('entry 1: checkpoint'));
    },
  );
});
