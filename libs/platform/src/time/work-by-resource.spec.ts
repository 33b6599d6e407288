import { describe, expect, it } from 'vitest';
import { ManualClock } from '../testing/manual-clock.js';
import { workByResource } from './work-by-resource.js';

/** Batches of work on each resource, of which one fails and one does not answer. */
function workOn(left: Record<string, number>, silent?: Promise<undefined>) {
  const done: string[] = [];
  const find = async (): Promise<readonly string[]> =>
    Promise.resolve(Object.keys(left).filter((name) => (left[name] ?? 0) > 0));
  const carryOut = async (name: string): Promise<boolean> => {
    done.push(name);
    if (name === 'failing') throw new Error('no answer');
    if (name === 'spent') return false;
    if (name === 'silent') await silent;
    await Promise.resolve();
    left[name] = (left[name] ?? 0) - 1;
    return left[name] > 0;
  };
  const count = (name: string): number => done.filter((one) => one === name).length;
  return { find, carryOut, count };
}

const settled = async (): Promise<unknown> => new Promise(setImmediate);

describe('work on several ACS resources', () => {
  it('is all done where it can be, and once where it fails, which is thrown at the end', async () => {
    const work = workOn({ good: 20, failing: 20, spent: 20 });
    await expect(workByResource(work, new ManualClock())).rejects.toThrow('no answer');
    expect(['good', 'failing', 'spent'].map(work.count)).toEqual([20, 1, 1]);
  });

  it('continues with what is new while one does not answer, and repeats what failed after a rest', async () => {
    const clock = new ManualClock();
    const answer = Promise.withResolvers<undefined>();
    const left = { silent: 1, good: 3, spent: 1 };
    const work = workOn(left, answer.promise);
    const working = workByResource(work, clock);
    await settled();
    expect(['silent', 'good', 'spent'].map(work.count)).toEqual([1, 3, 1]);
    left.good = 2;
    await clock.advance(5_000);
    await settled();
    expect(['silent', 'good', 'spent'].map(work.count)).toEqual([1, 5, 2]);
    answer.resolve(undefined);
    await working;
    expect(work.count('silent')).toBe(1);
    expect(clock.sleeping).toBe(0);
  });

  it('ends between two batches when it is to stop', async () => {
    const stop = new AbortController();
    const work = workOn({ good: 20 });
    const working = workByResource(work, new ManualClock(), stop.signal);
    await Promise.resolve();
    stop.abort();
    await working;
    expect(work.count('good')).toBeLessThan(20);
  });

  it('fails when the resources can not be found', async () => {
    const find = async (): Promise<readonly string[]> => Promise.reject(new Error('timeout'));
    const { carryOut } = workOn({});
    await expect(workByResource({ find, carryOut }, new ManualClock())).rejects.toThrow('timeout');
  });
});
