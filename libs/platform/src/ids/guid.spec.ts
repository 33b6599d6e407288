import { describe, expect, it } from 'vitest';
import { canonicalGuid, GUID_SOURCE, isCanonicalGuid, isGuid } from './guid.js';

const LOWER = '0f8fad5b-d9cb-469f-a165-70867728950e';
const UPPER = LOWER.toUpperCase();

describe('GUIDs', () => {
  it('are recognized in either case', () => {
    expect([LOWER, UPPER].map(isGuid)).toEqual([true, true]);
    expect([LOWER, UPPER].map(isCanonicalGuid)).toEqual([true, false]);
  });

  it('have one canonical form, in lower case', () => {
    expect([LOWER, UPPER].map(canonicalGuid)).toEqual([LOWER, LOWER]);
  });

  it.each([
    ['nothing', ''],
    ['braces', `{${LOWER}}`],
    ['no hyphens', LOWER.replaceAll('-', '')],
    ['another character', LOWER.replace('f', 'g')],
    ['a line after it', `${LOWER}\n`],
    ['text before it', `x${LOWER}`],
  ])('are not recognized in a text with %s', (_what, text) => {
    expect(isGuid(text)).toBe(false);
    expect(canonicalGuid(text)).toBeUndefined();
  });

  it('can be part of a larger pattern', () => {
    const pair = new RegExp(`^${GUID_SOURCE}_${GUID_SOURCE}$`);
    expect(pair.test(`${LOWER}_${LOWER}`)).toBe(true);
  });
});
