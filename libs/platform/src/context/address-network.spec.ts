import { describe, expect, it } from 'vitest';
import { addressKey, networkOf } from './address-network.js';

describe('addressKey', () => {
  it.each([
    ['198.18.7.1', '198.18.7.1'],
    ['2001:db8:1:2:3::4', '2001:db8:1:2::/64'],
    // Translated by NAT64, by the well-known prefix of RFC 6052 and the local-use one of RFC 8215.
    ['64:ff9b::c612:701', '198.18.7.1'],
    ['64:ff9b:1::c612:701', '198.18.7.1'],
    ['64:ff9b:1:fffe::c612:701', '198.18.7.1'],
    ['64:ff9b:1:c612:7:100::', '198.18.7.1'],
    // Not of these prefixes.
    ['64:ff9b:2::c612:701', '64:ff9b:2:0::/64'],
    ['64:ff9b:0:1::c612:701', '64:ff9b:0:1::/64'],
    ['', ''],
  ])('of %s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe('networkOf', () => {
  it('is that of the IPv4 address inside where NAT64 has translated it', () => {
    expect(networkOf('64:ff9b::c612:701', { ipv4: 24, ipv6: 48 })).toBe('198.18.7.0/24');
    expect(networkOf('2001:db8:1:2::', { ipv4: 24, ipv6: 48 })).toBe('2001:db8:1::/48');
  });
});
