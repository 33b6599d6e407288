import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReadingDatabase } from '#libs/platform';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { VerifiedParts } from '../background/verified-part.js';
import { AuditOverview } from '../health/audit-overview.js';
import type { WitnessOverview } from '../health/witness-overview.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { LogTime } from './log-time.js';

const DAY_MS = 86_400_000;
const AHEAD =
  /^the newest entry is ahead of the database’s clock: every entry gets its time, \d{4}-/;

describe('a log after the clock of its database was ahead, and was set right', () => {
  let database: TestDatabase;
  let log: TestLog;
  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { clockToleranceMs: 5_000 });
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  async function recordAhead(): Promise<void> {
    const clock = new ManualClock(new Date(Date.now() + 150 * DAY_MS).toISOString());
    const other = await openTestLog(database.serviceUrl, { clock });
    await other.trail.record(issued());
    await other.close();
  }

  async function concerns(): Promise<readonly string[]> {
    const witnesses = { read: async () => Promise.resolve(undefined) };
    const overview = new AuditOverview(
      log.get(ReadingDatabase),
      log.reader,
      log.get(VerifiedParts),
      witnesses as unknown as WitnessOverview, // the member that it reads
      log.get(LogTime),
      log.settings,
    );
    return (await overview.read()).concerns;
  }

  it('says what time its entries get, in readiness, log line, metric and health', async () => {
    await log.trail.record(issued());
    expect((await log.readiness.ask()).clock).toEqual({ isReady: true });
    expect(await concerns()).toEqual([]);

    await recordAhead();
    await log.trail.record(issued());
    expect((await log.readiness.ask()).clock).toEqual({
      isReady: true,
      degradation: expect.stringMatching(AHEAD) as string,
    });
    expect(JSON.stringify(log.logger.lines)).toContain('every entry gets its time');
    const metric = await log.registry.getSingleMetricAsString('audit_log_ahead_seconds');
    expect(Number(/^audit_log_ahead_seconds (\S+)$/m.exec(metric)?.[1])).toBeGreaterThan(
      (149 * DAY_MS) / 1000,
    );
    expect(await concerns()).toEqual([expect.stringMatching(AHEAD)]);
  });
});
