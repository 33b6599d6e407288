import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { PacedArrivals } from './paced-arrivals.js';

describe('PacedArrivals', () => {
  it('lets a single request pass without waiting for the event loop', async () => {
    const arrivals = new PacedArrivals();
    const order: string[] = [];
    const next = setImmediate().then(() => order.push('next iteration'));
    await arrivals.enter().then(() => order.push('request'));
    await next;
    expect(order).toEqual(['request', 'next iteration']);
  });

  it('lets a burst pass in order, with iterations of the event loop between', async () => {
    const arrivals = new PacedArrivals();
    const passed: { readonly nth: number; readonly iteration: number }[] = [];
    let iteration = 0;
    const burst = Array.from({ length: 200 }, async (_, nth) => {
      await arrivals.enter();
      passed.push({ nth, iteration });
    });
    for (; passed.length < 200; iteration += 1) await setImmediate();
    await Promise.all(burst);
    expect(passed.map(({ nth }) => nth)).toEqual(passed.map((_, nth) => nth));
    const perIteration = [...Map.groupBy(passed, (one) => one.iteration).values()];
    expect(Math.max(...perIteration.map(({ length }) => length))).toBeLessThanOrEqual(8);
    expect(perIteration.length).toBeGreaterThanOrEqual(25);
  });

  it('lets requests pass without a pause again after a burst', async () => {
    const arrivals = new PacedArrivals();
    await Promise.all(Array.from({ length: 50 }, async () => arrivals.enter()));
    await setImmediate();
    await setImmediate();
    let isPassed = false as boolean; // changes in a callback
    void arrivals.enter().then(() => (isPassed = true));
    await Promise.resolve();
    await Promise.resolve();
    expect(isPassed).toBe(true);
  });
});
