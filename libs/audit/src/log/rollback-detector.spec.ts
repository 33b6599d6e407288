import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AuditUnavailable } from '../errors.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';

describe('RollbackDetector', () => {
  let database: TestDatabase;
  let directory: string;

  beforeAll(async () => {
    database = await testDatabase();
    directory = await mkdtemp(join(tmpdir(), 'audit-checkpoint-'));
  });
  afterAll(async () => {
    await database.close();
    await rm(directory, { recursive: true });
  });

  it('records and is ready with a limit while the checkpoint file can’t be written; one log line', async () => {
    const folder = join(directory, 'full-disk');
    const log = await openTestLog(database.serviceUrl, { checkpointFile: join(folder, 'file') });
    for (let n = 0; n < 3; n += 1) await log.trail.record(issued());
    const degradation = 'the checkpoint file can not be written (ENOENT)';
    await vi.waitFor(
      async () => {
        expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true, degradation } });
      },
      { timeout: 10_000 },
    );
    const faults = log.logger.lines.filter(({ message }) => message.includes('checkpoint file'));
    expect(faults).toHaveLength(1);
    await mkdir(folder);
    await log.trail.record(issued());
    await vi.waitFor(
      async () => {
        expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true } });
        expect((await log.readiness.ask()).audit).not.toHaveProperty('degradation');
      },
      { timeout: 10_000 },
    );
    await log.close();
  });

  it('is not ready while the checkpoint file can’t be read, and says so; ready once it can', async () => {
    const checkpointFile = join(directory, 'no-file');
    await mkdir(checkpointFile);
    const log = await openTestLog(database.serviceUrl, { checkpointFile });
    await expectRefused(log.trail.record(issued()));
    await expectRefused(log.reader.checkpoint());
    const reason = 'AUDIT_CHECKPOINT_FILE can not be read (EISDIR)';
    expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: false, reason } });
    await rm(checkpointFile, { recursive: true });
    await log.trail.record(issued());
    expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true } });
    await log.close();
  });

  it('refuses readiness and records after the database was rolled back', async () => {
    const checkpointFile = join(directory, 'checkpoint');
    const log = await openTestLog(database.serviceUrl, { checkpointFile });
    const { index } = await log.trail.record(issued());
    await log.trail.record(issued());
    await vi.waitFor(
      async () => {
        expect(await readFile(checkpointFile, 'utf8')).toContain(`\n${index + 2}\n`);
      },
      { timeout: 10_000 },
    );
    expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true } });
    await rollBackTo(database, index + 1);

    const answer = { audit: { isReady: false, reason: 'the log is shorter than before' } };
    expect(await log.readiness.ask()).toMatchObject(answer);
    await expect(log.trail.record(issued())).rejects.toThrow(AuditUnavailable);
    await log.close();

    const restarted = await openTestLog(database.serviceUrl, { checkpointFile });
    await expect(restarted.trail.record(issued())).rejects.toThrow(AuditUnavailable);
    expect(await restarted.readiness.ask()).toMatchObject(answer);
    await restarted.close();
  });

  it.each([
    ['with a head of the size of the checkpoint', [1]],
    ['without such a head', [2]],
    ['far beyond the checkpoint', Array.from({ length: 11 }, () => 2_000)],
  ])('refuses everything after a rollback that others continued, %s', async (_how, commits) => {
    const own = await testDatabase();
    const checkpointFile = join(directory, `forked-${commits.length}-${commits[0]}`);
    const log = await openTestLog(own.serviceUrl, { checkpointFile });
    await log.trail.recordAll([issued(), issued()]);
    await log.trail.record(issued());
    await vi.waitFor(
      async () => {
        expect(await readFile(checkpointFile, 'utf8')).toContain('\n3\n');
      },
      { timeout: 10_000 },
    );
    await rollBackTo(own, 2);
    const other = await openTestLog(own.serviceUrl);
    for (const count of commits) {
      await other.trail.recordAll(Array.from({ length: count }, () => issued()));
    }
    await other.close();

    const reason = 'the log is another one than before';
    // The append first: it must find the damage without the readiness check.
    await expect(log.trail.record(issued())).rejects.toThrow(AuditUnavailable);
    await expect(log.reader.checkpoint()).rejects.toThrow(AuditUnavailable);
    expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: false } });
    await log.close();

    const restarted = await openTestLog(own.serviceUrl, { checkpointFile });
    await expect(restarted.reader.checkpoint()).rejects.toThrow(AuditUnavailable);
    await expect(restarted.reader.resource('tile/0/000.p/1')).rejects.toThrow(AuditUnavailable);
    await expect(restarted.trail.record(issued())).rejects.toThrow(AuditUnavailable);
    expect(await restarted.readiness.ask()).toMatchObject({ audit: { isReady: false, reason } });
    await restarted.close();
    await own.close();
  });

  // Each cause is undone before it is found a second time: what was found once stays found.
  it.each<[string, (log: TestLog) => Promise<unknown>]>([
    ['an append', async ({ trail }) => expectRefused(trail.record(issued()))],
    ['a reader', async ({ reader }) => expectRefused(reader.checkpoint())],
    ['the readiness check', async ({ readiness }) => readiness.ask()],
  ])(
    'refuses until the restart after %s found the log too short, also when it is whole again',
    async (_who, find) => {
      const own = await testDatabase();
      const log = await openTestLog(own.serviceUrl);
      for (let n = 0; n < 3; n += 1) await log.trail.record(issued());
      await asSuperuser(
        own,
        'CREATE TABLE cut AS TABLE audit_head',
        'DELETE FROM audit_head WHERE size > 1',
      );
      await find(log);
      await asSuperuser(own, 'INSERT INTO audit_head SELECT * FROM cut WHERE size > 1');

      await expectRefused(log.trail.record(issued()));
      await expectRefused(log.reader.checkpoint());
      const reason = 'the log is shorter than before';
      expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: false, reason } });
      await log.close();
      await expectRecording(own);
    },
  );

  it('refuses until the restart after an append found a wrong root, which nothing else looks at', async () => {
    const own = await testDatabase();
    const log = await openTestLog(own.serviceUrl);
    await log.trail.record(issued());
    const other = await openTestLog(own.serviceUrl);
    await other.trail.record(issued());
    await other.close();
    const flip = `UPDATE audit_head SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE size = 2`;
    await asSuperuser(own, flip);
    expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true } });
    await expectRefused(log.trail.record(issued()));
    await asSuperuser(own, flip);

    await expectRefused(log.trail.record(issued()));
    await expectRefused(log.reader.checkpoint());
    const reason = 'the stored hashes do not give the stored root';
    expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: false, reason } });
    await log.close();
    await expectRecording(own);
  });

  it.each<[string, (log: TestLog) => Promise<unknown>]>([
    ['an append', async ({ trail }) => expectRefused(trail.record(issued()))],
    ['a reader', async ({ reader }) => expectRefused(reader.checkpoint())],
    ['the readiness check', async ({ readiness }) => readiness.ask()],
  ])(
    'refuses until the restart after %s found a checkpoint file that the log did not sign',
    async (who, find) => {
      const own = await testDatabase();
      const checkpointFile = join(directory, `foreign-${who}`);
      await writeFile(checkpointFile, 'log.example/audit\n7\nAAAA\n\n— log.example/audit AAAA\n');
      const log = await openTestLog(own.serviceUrl, { checkpointFile });
      await find(log);
      await rm(checkpointFile);

      await expectRefused(log.trail.record(issued()));
      await expectRefused(log.reader.checkpoint());
      const reason = 'the checkpoint file is not one of this log';
      expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: false, reason } });
      await log.close();
      await expectRecording(own);
    },
  );
});

async function expectRefused(attempt: Promise<unknown>): Promise<void> {
  await expect(attempt).rejects.toThrow(AuditUnavailable);
}

/** A process that starts now finds nothing wrong. */
async function expectRecording(database: TestDatabase): Promise<void> {
  const log = await openTestLog(database.serviceUrl);
  await log.trail.record(issued());
  expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true } });
  await log.close();
  await database.close();
}

async function rollBackTo(database: TestDatabase, size: number): Promise<void> {
  await asSuperuser(
    database,
    `DELETE FROM audit_entry WHERE entry_index >= ${size}`,
    `DELETE FROM audit_personal WHERE entry_index >= ${size}`,
    `DELETE FROM audit_head WHERE size > ${size}`,
  );
}

/** Runs statements that no trigger refuses. */
async function asSuperuser(
  { superuserUrl }: TestDatabase,
  ...statements: readonly string[]
): Promise<void> {
  const superuser = new pg.Client({ connectionString: superuserUrl });
  await superuser.connect();
  await superuser.query(`SET session_replication_role = replica`);
  for (const statement of statements) await superuser.query(statement);
  await superuser.end();
}
