import { describe, expect, it } from 'vitest';
import { SlidingWindow } from './sliding-window.js';

describe('SlidingWindow', () => {
  it('passes no more than the limit in any interval of one window', () => {
    const window = new SlidingWindow(3, 1000);
    expect([0, 400, 900].map((ms) => window.tryPass(ms))).toEqual([0, 0, 0]);
    expect(window.tryPass(950)).toBe(50);
    expect(window.tryPass(1000)).toBe(0);
    expect(window.tryPass(1399)).toBe(1);
    expect(window.tryPass(1400)).toBe(0);
  });

  it('passes nothing at a limit of 0', () => {
    expect(new SlidingWindow(0, 1000).tryPass(0)).toBe(1000);
  });

  it('counts a rejected request when it is accrued', () => {
    const window = new SlidingWindow(1, 1000);
    window.tryPass(0);
    window.accrue(900);
    expect(window.tryPass(1000)).toBe(900);
  });
});
