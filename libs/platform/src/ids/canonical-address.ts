import { isIPv4, isIPv6 } from 'node:net';

/**
 * An address in the one form that the log has: IPv4 as such, also where it is mapped into IPv6, and IPv6
 * as RFC 5952 writes it. `undefined` for anything else.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const written = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(written) ?? [];
  if (high === undefined || low === undefined) return written;
  const groups = [high, low].map((group) => parseInt(group, 16));
  return groups.flatMap((group) => [group >> 8, group & 0xff]).join('.');
}
