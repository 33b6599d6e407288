import { describe, expect, it, vi } from 'vitest';
import { MemoryLogger } from '../testing/memory-logger.js';
import { ManualClock } from '../testing/manual-clock.js';
import { PeriodicTask, type PeriodicTaskOptions } from './periodic-task.js';

function taskWith(options: Partial<PeriodicTaskOptions> = {}): {
  task: PeriodicTask;
  clock: ManualClock;
  logger: MemoryLogger;
} {
  const clock = new ManualClock(0);
  const logger = new MemoryLogger();
  const run = async (): Promise<void> => Promise.resolve();
  const task = new PeriodicTask({
    ...{ name: 'test', run, intervalMs: 100, clock, logger },
    ...options,
  });
  return { task, clock, logger };
}

/** A run that records when it starts and fails as often as requested. */
function recorder(
  clock: () => ManualClock,
  failures = 0,
): { times: number[]; run: () => Promise<void> } {
  const times: number[] = [];
  const run = async (): Promise<void> => {
    times.push(clock().now());
    return times.length <= failures ? Promise.reject(new Error('no luck')) : Promise.resolve();
  };
  return { times, run };
}

describe('PeriodicTask', () => {
  it('runs after each interval', async () => {
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({ run });
    task.start();
    await clock.advance(350);
    expect(times).toEqual([100, 200, 300]);
    await task.stop();
  });

  it('runs at start where it says so', async () => {
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({ run, runsAtStart: true });
    task.start();
    await clock.advance(0);
    await clock.advance(150);
    expect(times).toEqual([0, 100]);
    await task.stop();
  });

  it('counts the interval from the end of a run, so that runs never overlap', async () => {
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({
      run: async () => {
        await run();
        await clock.sleep(250);
      },
    });
    task.start();
    await clock.advance(500);
    expect(times).toEqual([100, 450]);
    const stopped = task.stop();
    await clock.advance(250);
    await stopped;
  });

  it('takes each interval from a function', async () => {
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({ run, intervalMs: () => 10 * 2 ** times.length });
    task.start();
    await clock.advance(70);
    expect(times).toEqual([10, 30, 70]);
    await task.stop();
  });

  it('shortens pauses by a random part of at most the jitter', async () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0.5).mockReturnValue(1);
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({ run, jitter: 0.5 });
    task.start();
    await clock.advance(225);
    expect(times).toEqual([100, 175, 225]);
    vi.restoreAllMocks();
    await task.stop();
  });

  it('logs a failed run with a constant message and runs again', async () => {
    const { times, run } = recorder(() => clock, 1);
    const { task, clock, logger } = taskWith({ run });
    task.start();
    await clock.advance(200);
    expect(times).toEqual([100, 200]);
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        message: 'background task failed',
        fields: { task: 'test', error: new Error('no luck') },
      },
    ]);
    await task.stop();
  });

  it('runs again after a failure as its back-off says, until a run succeeds', async () => {
    const { times, run } = recorder(() => clock, 2);
    const { task, clock } = taskWith({ run, retryMs: (failureCount) => 10 * failureCount });
    task.start();
    await clock.advance(230);
    expect(times).toEqual([100, 110, 130, 230]);
    await task.stop();
  });

  it('ends on the first success where it says so', async () => {
    const { times, run } = recorder(() => clock, 2);
    const { task, clock } = taskWith({ run, runsAtStart: true, endsOnSuccess: true });
    task.start();
    await clock.advance(0);
    await clock.advance(1000);
    expect(times).toEqual([0, 100, 200]);
    expect(clock.sleeping).toBe(0);
    await task.stop();
  });

  it('ends its pause when it is stopped, and runs no more', async () => {
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({ run });
    task.start();
    await clock.advance(1);
    await task.stop();
    await clock.advance(1000);
    expect(times).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });

  it('aborts the run that is under way and waits for its end, without logging the abort', async () => {
    let hasEnded = false;
    const { task, clock, logger } = taskWith({
      runsAtStart: true,
      run: async (signal) => {
        await clock.sleep(10_000, signal).finally(() => {
          hasEnded = true;
        });
      },
    });
    task.start();
    await task.stop();
    expect(hasEnded).toBe(true);
    expect(logger.lines).toEqual([]);
  });

  it('may be started twice, stopped twice and stopped before its start', async () => {
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({ run });
    task.start();
    task.start();
    await clock.advance(100);
    expect(times).toEqual([100]);
    await Promise.all([task.stop(), task.stop()]);

    const other = taskWith({ run, runsAtStart: true }).task;
    await other.stop();
    other.start();
    await other.stop();
    expect(times).toEqual([100]);
  });

  it('runs on demand at any time, started or not, and never twice at once', async () => {
    const { times, run } = recorder(() => clock);
    const { task, clock } = taskWith({
      run: async () => {
        await run();
        await clock.sleep(50);
      },
    });
    const onDemand = [task.runOnce(), task.runOnce()];
    await clock.advance(0);
    await clock.advance(50);
    expect(await Promise.all(onDemand)).toEqual([true, true]);
    task.start();
    await clock.advance(100);
    expect(times).toEqual([0, 150]);
    const joined = task.runOnce();
    await clock.advance(50);
    expect(await joined).toBe(true);
    expect(times).toEqual([0, 150]);
    await task.stop();
    expect(await task.runOnce()).toBe(false);
    expect(times).toEqual([0, 150]);
  });

  it('ends a run on demand at its signal or at the stop, and waits for it', async () => {
    const { task, clock, logger } = taskWith({
      run: async (signal) => clock.sleep(10_000, signal),
    });
    const aborter = new AbortController();
    const aborted = task.runOnce(aborter.signal);
    aborter.abort();
    expect(await aborted).toBe(false);
    const stopped = task.runOnce();
    await task.stop();
    expect(await stopped).toBe(false);
    expect(logger.lines).toEqual([]);
  });
});
