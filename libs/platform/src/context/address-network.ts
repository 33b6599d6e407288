import { isIPv6 } from 'node:net';

/**
 * The key that an address is limited and counted by: an IPv4 address itself, an IPv6 address by its /64
 * network, within which one customer of a provider chooses addresses (RFC 6177). An address that NAT64 has
 * translated is the IPv4 address inside: otherwise all of IPv4 would be one client.
 *
 * @param address '' for a connection without one
 */
export function addressKey(address = ''): string {
  if (!isIPv6(address)) return address;
  return translatedIpv4(address) ?? networkOf(address, { ipv4: 32, ipv6: 64 });
}

/**
 * The network of an address, such as `198.18.7.0/24` or `2001:db8:1::/48`; that of the IPv4 address inside
 * where NAT64 has translated it.
 *
 * @param address an IPv4 or IPv6 address; what stands after a slash is ignored
 * @param prefixes lengths of the prefixes: multiples of 8 for IPv4, multiples of 16 below 128 for IPv6
 */
export function networkOf(
  address: string,
  prefixes: { readonly ipv4: number; readonly ipv6: number },
): string {
  const [written = ''] = address.split('/', 1);
  const bare = translatedIpv4(written) ?? written;
  if (!isIPv6(bare)) {
    const octets = bare.split('.').map((octet, n) => (n < prefixes.ipv4 / 8 ? octet : '0'));
    return `${octets.join('.')}/${prefixes.ipv4}`;
  }
  return `${groupsOf(bare)
    .slice(0, prefixes.ipv6 / 16)
    .join(':')}::/${prefixes.ipv6}`;
}

/**
 * The IPv4 address that NAT64 has put into an IPv6 address: at the end behind the well-known prefix
 * 64:ff9b::/96 (RFC 6052), and behind the local-use prefix 64:ff9b:1::/48 (RFC 8215) at the end, or right
 * behind the 48 bits, around bits 64 to 71, with zeros to the end (RFC 6052, section 2.2).
 */
function translatedIpv4(address: string): string | undefined {
  if (!address.startsWith('64:ff9b:')) return undefined;
  const groups = groupsOf(address);
  const [, , third] = groups;
  const bytes = groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]);
  const isWellKnown = groups.slice(2, 6).every((group) => group === '0');
  if (!isWellKnown && third !== '1') return undefined;
  const isAtEnd = isWellKnown || bytes.slice(12).some((byte) => byte !== 0);
  const octets = isAtEnd ? bytes.slice(12) : [...bytes.slice(6, 8), ...bytes.slice(9, 11)];
  return octets.join('.');
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
