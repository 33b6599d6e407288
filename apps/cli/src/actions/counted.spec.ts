import { expect, it } from 'vitest';
import { counted } from './counted.js';

it('gives a number with the noun that fits it', () => {
  expect([0, 1, 2].map((count) => counted(count, 'identity', 'identities'))).toEqual([
    '0 identities',
    '1 identity',
    '2 identities',
  ]);
  expect([1, 2].map((count) => counted(count, 'line'))).toEqual(['1 line', '2 lines']);
});
