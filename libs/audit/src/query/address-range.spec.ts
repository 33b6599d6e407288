import { describe, expect, it } from 'vitest';
import { AddressRange } from './address-range.js';

function has(range: string, address: string): boolean | undefined {
  const parsed = AddressRange.parse(range);
  if (!parsed) return undefined;
  const isFound = parsed.textRanges().some(({ low, high }) => address >= low && address < high);
  return isFound && parsed.contains(address);
}

describe('AddressRange', () => {
  it.each([
    ['127.0.0.0/8', '127.0.0.1', '128.0.0.1'],
    ['::ffff:127.0.0.0/104', '127.0.0.1', '128.0.0.1'],
    ['::FFFF:7f00:0/104', '127.255.0.1', '128.0.0.1'],
    ['0:0:0:0:0:ffff:192.0.2.128/121', '192.0.2.129', '192.0.2.127'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.2'],
    ['::ffff:192.0.2.1/128', '192.0.2.1', '192.0.2.10'],
    ['2001:db8::/32', '2001:db8::1', '2001:db9::1'],
    ['::1', '::1', '::2'],
  ])('%s has %s and not %s', (range, inside, outside) => {
    expect(has(range, inside)).toBe(true);
    expect(has(range, outside)).toBe(false);
  });

  it.each([
    ['a network of IPv4 that is too large', '0.0.0.0/7'],
    ['the same, mapped', '::ffff:0.0.0.0/103'],
    ['all mapped addresses', '::ffff:0:0/96'],
    ['a network of IPv6 that has all mapped addresses', '::/64'],
    ['one around them', '::ffff:0:0/95'],
    ['a prefix that is too long', '::ffff:127.0.0.1/129'],
  ])('is no %s', (_what, range) => {
    expect(AddressRange.parse(range)).toBeUndefined();
  });
});
