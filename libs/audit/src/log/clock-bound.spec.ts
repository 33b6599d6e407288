import { Clock, Sweeps, SystemClock } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AuditUnavailable, ClockOutOfBounds } from '../errors.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog } from '../testing/test-log.js';
import { ClockBound, isBeyond } from './clock-bound.js';

/** The system's clock, off by what a test sets. */
class SteppedClock extends Clock {
  offMs = 0;
  readonly #system = new SystemClock();

  override now(): number {
    return this.#system.now() + this.offMs;
  }

  override monotonicNow(): number {
    return this.#system.monotonicNow();
  }

  override async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#system.sleep(delayMs, signal);
  }
}

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => database.close());

async function open() {
  const clock = new SteppedClock();
  const log = await openTestLog(database.serviceUrl, { clock, clockToleranceMs: 5_000 });
  onTestFinished(async () => log.close());
  return { clock, log, bound: log.get(ClockBound) };
}

describe('ClockBound', () => {
  it.each([6_000, -6_000, 3_600_000, -3_600_000])(
    'refuses appends at once after a step of the clock by %i ms, and accepts them after the step back',
    async (offMs) => {
      const { clock, log, bound } = await open();
      await log.trail.record(issued());
      clock.offMs = offMs;
      expect(bound.isOff).toBe(true);
      await expect(log.trail.record(issued())).rejects.toThrow(AuditUnavailable);
      const { clock: answer } = await log.readiness.ask();
      expect(answer).toMatchObject({ isReady: false });
      expect(JSON.stringify(log.logger.lines)).toContain(offMs < 0 ? 'behind' : 'ahead of');
      clock.offMs = 0;
      expect(bound.isOff).toBe(false);
      await log.trail.record(issued());
    },
  );

  it('refuses an event that occurred while the clock was off', async () => {
    const { bound } = await open();
    await expect(bound.assertWithin([Date.now() + 6_000])).rejects.toThrow(ClockOutOfBounds);
    await expect(bound.assertWithin([Date.now() - 16_000])).rejects.toThrow(ClockOutOfBounds);
    await bound.assertWithin([Date.now(), Date.now() - 9_000]);
  });

  it('lets no sweep begin while the clock is off, also before the first measurement', async () => {
    const { clock, log } = await open();
    const sweeps = log.get(Sweeps);
    sweeps.leaveToCaller();
    const run = vi.fn().mockResolvedValue(undefined);
    sweeps.start({ name: 'recovery', run, intervalMs: 1_000 });
    const { signal } = new AbortController();
    clock.offMs = 3_600_000;
    expect(await sweeps.runAll(signal)).toContain('recovery');
    expect(run).not.toHaveBeenCalled();
    clock.offMs = 0;
    expect(await sweeps.runAll(signal)).not.toContain('recovery');
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('doubts a slow answer, not the clock', () => {
    expect(isBeyond({ offsetMs: 7_000, uncertaintyMs: 3_000 }, 5_000)).toBe(false);
    expect(isBeyond({ offsetMs: -9_000, uncertaintyMs: 3_000 }, 5_000)).toBe(true);
  });
});
