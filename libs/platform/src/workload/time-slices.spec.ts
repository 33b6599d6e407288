import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { enterForeground, mapInSlices, TimeSlices } from './time-slices.js';

/** Takes about the time without yielding. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('mapInSlices', () => {
  it('maps in order', async () => {
    const values = Array.from({ length: 1_000 }, (_, nth) => nth);
    expect(await mapInSlices(values, (value) => value * 2)).toEqual(values.map((v) => v * 2));
    expect(await mapInSlices([], String)).toEqual([]);
  });

  it('lets the event loop run between slices', async () => {
    let isDone = false as boolean; // changes in a callback
    const mapped = mapInSlices(
      Array.from({ length: 60 }, () => 1),
      work,
    ).then(() => {
      isDone = true;
    });
    let iterations = 0;
    for (; !isDone; iterations += 1) await setImmediate();
    await mapped;
    expect(iterations).toBeGreaterThan(15);
  });
});

describe('TimeSlices', () => {
  it('gives one slice in each iteration of the event loop, to all computations together', async () => {
    const order: number[] = [];
    let iteration = 0;
    const computations = Array.from({ length: 5 }, async () => {
      await new TimeSlices().next();
      order.push(iteration);
    });
    for (; iteration < 20; iteration += 1) await setImmediate();
    await Promise.all(computations);
    expect(new Set(order).size).toBe(5);
  });

  it('leaves the event loop idle between slices while foreground work is in progress', async () => {
    const end = enterForeground();
    const slices = new TimeSlices();
    let iterations = 0;
    const next = slices.next();
    let isNext = false as boolean; // changes in a callback
    void next.then(() => {
      isNext = true;
    });
    for (; !isNext; iterations += 1) await setImmediate();
    end();
    end();
    // Without foreground work, it is the next one.
    expect(iterations).toBeGreaterThan(3);
    expect(slices.isOver).toBe(false);
  });
});
