import { describe, expect, it } from 'vitest';
import { SingleFlight } from './single-flight.js';

describe('SingleFlight', () => {
  it('does equal work once for all who ask while it goes on, and anew afterwards', async () => {
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

  it('goes on for the others when the first one hangs up', async () => {
    const flights = new SingleFlight<string>();
    const gate = Promise.withResolvers<string>();
    const first = new AbortController();
    let given: AbortSignal | undefined;
    const leader = flights.join(
      'key',
      async (signal) => {
        given = signal;
        return gate.promise;
      },
      first.signal,
    );
    const follower = flights.join('key', async () => Promise.resolve('never asked'));
    first.abort();
    await expect(leader).rejects.toThrow(/abort/i);
    expect(given?.aborted).toBe(false);
    gate.resolve('done');
    expect(await follower).toEqual({ value: 'done', isLeader: false });
  });

  it('stops the work when nobody waits for it any more, and starts anew for the next', async () => {
    const flights = new SingleFlight<string>();
    const stops = [new AbortController(), new AbortController()];
    let given: AbortSignal | undefined;
    const work = async (signal: AbortSignal): Promise<string> => {
      given = signal;
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('stopped'));
        });
      });
    };
    const waiting = stops.map(async ({ signal }) => flights.join('key', work, signal));
    for (const stop of stops) stop.abort();
    for (const one of waiting) await expect(one).rejects.toThrow();
    expect(given?.aborted).toBe(true);
    const next = await flights.join('key', async () => Promise.resolve('new'));
    expect(next).toEqual({ value: 'new', isLeader: true });
  });

  it('gives a failure to all, and forgets it', async () => {
    const flights = new SingleFlight<string>();
    const fail = async (): Promise<string> => Promise.reject(new Error('away'));
    const callers = [flights.join('key', fail), flights.join('key', fail)];
    for (const one of callers) await expect(one).rejects.toThrow('away');
    expect((await flights.join('key', async () => Promise.resolve('back'))).value).toBe('back');
  });
});
