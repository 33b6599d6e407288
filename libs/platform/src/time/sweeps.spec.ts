import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../testing/manual-clock.js';
import { MemoryLogger } from '../testing/memory-logger.js';
import { Sweeps } from './sweeps.js';

const MINUTE_MS = 60_000;

function sweepsWith(): { sweeps: Sweeps; clock: ManualClock; logger: MemoryLogger } {
  const clock = new ManualClock(0);
  const logger = new MemoryLogger();
  return { sweeps: new Sweeps(clock, logger), clock, logger };
}

describe('Sweeps', () => {
  it('run on their schedules until the application ends', async () => {
    const { sweeps, clock } = sweepsWith();
    const run = vi.fn().mockResolvedValue(undefined);
    sweeps.start({ name: 'a', run, intervalMs: MINUTE_MS });
    await clock.advance(3 * MINUTE_MS);
    expect(run).toHaveBeenCalledTimes(3);
    await sweeps.onModuleDestroy();
    await clock.advance(3 * MINUTE_MS);
    expect(run).toHaveBeenCalledTimes(3);
    expect(clock.sleeping).toBe(0);
  });

  it('run on demand only, where they are left to a caller', async () => {
    const { sweeps, clock } = sweepsWith();
    sweeps.leaveToCaller();
    const runs = [vi.fn().mockResolvedValue(undefined), vi.fn().mockResolvedValue(undefined)];
    runs.forEach((run, n) => {
      sweeps.start({ name: `sweep ${n}`, run, intervalMs: MINUTE_MS, runsAtStart: true });
    });
    await clock.advance(10 * MINUTE_MS);
    for (const run of runs) expect(run).not.toHaveBeenCalled();
    for (let count = 1; count <= 2; count += 1) {
      expect(await sweeps.runAll(new AbortController().signal)).toEqual([]);
      for (const run of runs) expect(run).toHaveBeenCalledTimes(count);
    }
  });

  it('name those that failed, after all have ended', async () => {
    const { sweeps, logger } = sweepsWith();
    const run = vi.fn().mockResolvedValue(undefined);
    const failing = vi.fn().mockRejectedValue(new Error('no database'));
    sweeps.start({ name: 'failing', run: failing, intervalMs: MINUTE_MS });
    sweeps.start({ name: 'working', run, intervalMs: MINUTE_MS });
    expect(await sweeps.runAll(new AbortController().signal)).toEqual(['failing']);
    expect(run).toHaveBeenCalledTimes(1);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { task: 'failing' } }]);
  });

  it('end at the signal, which names those that may have work left', async () => {
    const { sweeps, clock } = sweepsWith();
    const run = async (signal: AbortSignal): Promise<void> =>
      clock.sleep(MINUTE_MS, signal).catch(() => undefined);
    sweeps.start({ name: 'long', run, intervalMs: MINUTE_MS });
    const aborter = new AbortController();
    const left = sweeps.runAll(aborter.signal);
    aborter.abort();
    expect(await left).toEqual(['long']);
  });

  it('do nothing while they may not run, and end when that begins', async () => {
    const { sweeps, clock, logger } = sweepsWith();
    let mayRun = false;
    sweeps.runOnlyWhile(async () => Promise.resolve(mayRun));
    const run = vi.fn(async (signal: AbortSignal) =>
      clock.sleep(3 * MINUTE_MS, signal).catch(() => undefined),
    );
    sweeps.start({ name: 'long', run, intervalMs: MINUTE_MS, runsAtStart: true });
    await clock.advance(3 * MINUTE_MS);
    expect(run).not.toHaveBeenCalled();
    expect(await sweeps.runAll(new AbortController().signal)).toEqual(['long']);
    mayRun = true;
    await clock.advance(MINUTE_MS);
    expect(run).toHaveBeenCalledTimes(1);
    await clock.advance(MINUTE_MS);
    expect(run.mock.lastCall?.[0].aborted).toBe(false);
    mayRun = false;
    await clock.advance(1_000);
    expect(run.mock.lastCall?.[0].aborted).toBe(true);
    mayRun = true;
    await clock.advance(MINUTE_MS);
    expect(run).toHaveBeenCalledTimes(2);
    await sweeps.onModuleDestroy();
    expect([clock.sleeping, logger.lines]).toEqual([0, []]);
  });

  it('share a run between callers at the same time', async () => {
    const { sweeps, clock } = sweepsWith();
    const run = vi.fn(async () => clock.sleep(10));
    sweeps.start({ name: 'a', run, intervalMs: MINUTE_MS });
    const { signal } = new AbortController();
    const both = Promise.all([sweeps.runAll(signal), sweeps.runAll(signal)]);
    await clock.advance(10);
    expect(await both).toEqual([[], []]);
    expect(run).toHaveBeenCalledTimes(1);
  });
});
