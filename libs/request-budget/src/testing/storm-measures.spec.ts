import { expect, it } from 'vitest';
import { shortestMs } from './storm-measures.js';

const limits = { limit: 2, windowMs: 1000 };

it('uses each permit again a window after the end of its call', () => {
  expect(shortestMs([], limits)).toBe(0);
  expect(shortestMs([100, 300], limits)).toBe(300);
  // The third call takes the permit of the first, at 1,100 ms; the fourth that of the second, at 1,300 ms.
  expect(shortestMs([100, 300, 400, 50], limits)).toBe(1500);
});
