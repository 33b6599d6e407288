import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AuditUnavailable } from '../errors.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog } from '../testing/test-log.js';

describe('RollbackDetector', () => {
  let database: TestDatabase;
  let directory: string;

  beforeAll(async () => {
    database = await testDatabase();
    directory = await mkdtemp(join(tmpdir(), 'audit-checkpoint-'));
  });
  afterAll(async () => {
    await database.drop();
    await rm(directory, { recursive: true });
  });

  it('records and is ready with a limit while the checkpoint file can’t be written; one log line', async () => {
    const folder = join(directory, 'full-disk');
    const log = await openTestLog(database.serviceUrl, { checkpointFile: join(folder, 'file') });
    for (let n = 0; n < 3; n += 1) await log.trail.record(issued());
    const degradation = 'the checkpoint file can not be written (ENOENT)';
    await vi.waitFor(async () => {
      expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true, degradation } });
    });
    const faults = log.logger.lines.filter(({ message }) => message.includes('checkpoint file'));
    expect(faults).toHaveLength(1);
    await mkdir(folder);
    await log.trail.record(issued());
    await vi.waitFor(async () => {
      expect(await log.readiness.ask()).toMatchObject({ audit: { isReady: true } });
      expect((await log.readiness.ask()).audit).not.toHaveProperty('degradation');
    });
    await log.close();
  });

  it('refuses readiness and records after the database was rolled back', async () => {
    const checkpointFile = join(directory, 'checkpoint');
    const log = await openTestLog(database.serviceUrl, { checkpointFile });
    const { index } = await log.trail.record(issued());
    await log.trail.record(issued());
    await vi.waitFor(async () => {
      expect(await readFile(checkpointFile, 'utf8')).toContain(`\n${index + 2}\n`);
    });
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
    await vi.waitFor(async () => {
      expect(await readFile(checkpointFile, 'utf8')).toContain('\n3\n');
    });
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
    await own.drop();
  });
});

async function rollBackTo({ superuserUrl }: TestDatabase, size: number): Promise<void> {
  const superuser = new pg.Client({ connectionString: superuserUrl });
  await superuser.connect();
  await superuser.query(`SET session_replication_role = replica`);
  await superuser.query('DELETE FROM audit_entry WHERE entry_index >= $1', [size]);
  await superuser.query('DELETE FROM audit_personal WHERE entry_index >= $1', [size]);
  await superuser.query('DELETE FROM audit_head WHERE size > $1', [size]);
  await superuser.end();
}
