import { isIPv6 } from 'node:net';

/**
 * The key that an address is limited and counted by: an IPv4 address itself, an IPv6 address by its /64
 * network, within which one customer of a provider chooses addresses (RFC 6177).
 *
 * @param address '' for a connection without one
 */
export function addressKey(address = ''): string {
  return isIPv6(address) ? networkOf(address, { ipv4: 32, ipv6: 64 }) : address;
}

/**
 * The network of an address, such as `198.18.7.0/24` or `2001:db8:1::/48`.
 *
 * @param address an IPv4 or IPv6 address; what stands after a slash is ignored
 * @param prefixes lengths of the prefixes: multiples of 8 for IPv4, multiples of 16 below 128 for IPv6
 */
export function networkOf(
  address: string,
  prefixes: { readonly ipv4: number; readonly ipv6: number },
): string {
  const [bare = ''] = address.split('/', 1);
  if (!isIPv6(bare)) {
    const octets = bare.split('.').map((octet, n) => (n < prefixes.ipv4 / 8 ? octet : '0'));
    return `${octets.join('.')}/${prefixes.ipv4}`;
  }
  return `${groupsOf(bare)
    .slice(0, prefixes.ipv6 / 16)
    .join(':')}::/${prefixes.ipv6}`;
}

/** The eight groups of an IPv6 address, without leading zeros; the last two as one if written as IPv4. */
function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = address.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  const groups = address.includes('::') ? [...first, ...zeros, ...last] : first;
  return groups.map((group) => group.replace(/^0+(?=.)/, ''));
}
