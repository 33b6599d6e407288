import { describe, expect, it } from 'vitest';
import { SingleFlight } from './single-flight.js';

describe('SingleFlight', () => {
  it('runs work once for all concurrent callers of a key, and again for later ones', async () => {
    const flights = new SingleFlight<number>();
    const gate = Promise.withResolvers<number>();
    let runs = 0;
    const work = async (): Promise<number> => {
      runs += 1;
      return gate.promise;
    };
    const callers = [1, 2, 3].map(async () => flights.join('same', work));
    const other = flights.join('other', async () => Promise.resolve(0));
    gate.resolve(7);
    const joined = await Promise.all(callers);
    expect(joined.map(({ value }) => value)).toEqual([7, 7, 7]);
    expect(joined.filter(({ isLeader }) => isLeader)).toHaveLength(1);
    expect((await other).value).toBe(0);
    expect(runs).toBe(1);
    await flights.join('same', work);
    expect(runs).toBe(2);
  });

  it('continues for the other callers when the first one aborts', async () => {
    const flights = new SingleFlight<string>();
    const gate = Promise.withResolvers<string>();
    const first = new AbortController();
    let workSignal: AbortSignal | undefined;
    const leader = flights.join(
      'key',
      async (signal) => {
        workSignal = signal;
        return gate.promise;
      },
      first.signal,
    );
    const follower = flights.join('key', async () => Promise.resolve('never started'));
    first.abort();
    await expect(leader).rejects.toThrow(/abort/i);
    expect(workSignal?.aborted).toBe(false);
    gate.resolve('done');
    expect(await follower).toEqual({ value: 'done', isLeader: false });
  });

  it('aborts the work when no caller waits for it any more, and starts it again for the next', async () => {
    const flights = new SingleFlight<string>();
    const stops = [new AbortController(), new AbortController()];
    let workSignal: AbortSignal | undefined;
    const work = async (signal: AbortSignal): Promise<string> => {
      workSignal = signal;
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('stopped'));
        });
      });
    };
    const waiting = stops.map(async ({ signal }) => flights.join('key', work, signal));
    for (const stop of stops) stop.abort();
    for (const one of waiting) await expect(one).rejects.toThrow();
    expect(workSignal?.aborted).toBe(true);
    const next = await flights.join('key', async () => Promise.resolve('new'));
    expect(next).toEqual({ value: 'new', isLeader: true });
  });

  it('rejects for all callers when the work fails, and starts it again for the next', async () => {
    const flights = new SingleFlight<string>();
    const fail = async (): Promise<string> => Promise.reject(new Error('unavailable'));
    const callers = [flights.join('key', fail), flights.join('key', fail)];
    for (const one of callers) await expect(one).rejects.toThrow('unavailable');
    expect((await flights.join('key', async () => Promise.resolve('back'))).value).toBe('back');
  });
});
