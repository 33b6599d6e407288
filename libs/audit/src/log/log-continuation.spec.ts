import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { LogContinuation } from './log-continuation.js';

const databases: TestDatabase[] = [];
const logs: TestLog[] = [];

/** A log of its own database, signed with the same key and under the same name as the others. */
async function openLog(): Promise<TestLog> {
  const database = await testDatabase();
  const log = await openTestLog(database.serviceUrl);
  databases.push(database);
  logs.push(log);
  return log;
}

const checkpointOf = async ({ reader }: TestLog): Promise<string> =>
  (await reader.checkpoint()).checkpoint;

/** The newest checkpoint after some entries. */
async function grow(log: TestLog, count: number): Promise<string> {
  await log.trail.recordAll(Array.from({ length: count }, (_, nth) => issued(nth)));
  return checkpointOf(log);
}

let log: TestLog;
/** With as many entries as the log had, and then with more. */
let fork: TestLog;

beforeAll(async () => {
  log = await openLog();
  fork = await openLog();
});
afterAll(async () => {
  for (const one of logs) await one.close();
  for (const one of databases) await one.close();
});

describe('LogContinuation', () => {
  it('finds no fault with a checkpoint that the log continues, nor with the newest one', async () => {
    const empty = await checkpointOf(log);
    const kept = await grow(log, 3);
    const newest = await grow(log, 300);
    const continuation = log.get(LogContinuation);
    for (const one of [empty, kept, newest])
      expect(await continuation.faultOf(one, newest)).toBeUndefined();
  });

  it('finds a log that was rolled back, of the same size and longer', async () => {
    const continuation = fork.get(LogContinuation);
    const kept = await checkpointOf(log);
    expect(await continuation.faultOf(kept, await grow(fork, 302))).toMatch(
      /^a checkpoint of 303 entries, but the log has 302: the database was rolled back$/,
    );
    expect(await continuation.faultOf(kept, await grow(fork, 1))).toMatch(/another log/);
    expect(await continuation.faultOf(kept, await grow(fork, 50))).toMatch(/another log/);
  });

  it('believes no checkpoint that the log has not signed, neither the kept nor the newest one', async () => {
    const newest = await checkpointOf(log);
    const unsigned = newest.replace(/^303$/m, '302');
    const continuation = log.get(LogContinuation);
    for (const [kept, head] of [
      [unsigned, newest],
      [newest, unsigned],
      ['', newest],
    ] as const)
      expect(await continuation.faultOf(kept, head)).toMatch(/no key of this log signed/);
  });
});
