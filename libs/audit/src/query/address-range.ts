import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { canonicalAddress } from '#libs/platform';

/** Texts from `low` up to, but not including, `high`, in the order of their bytes. */
export interface TextRange {
  readonly low: string;
  readonly high: string;
}

/** The shortest prefixes: a range is found by the beginning of its addresses. */
const MIN_PREFIX = { ipv4: 8, ipv6: 16 } as const;

/** IPv4-mapped addresses (RFC 4291, section 2.5.5.2). */
const MAPPED_NETWORK = '::ffff:0:0';
const MAPPED_PREFIX = 96;

/** A range of client addresses in the notation of CIDR (RFC 4632, RFC 4291). One address is a range, too. */
export class AddressRange {
  readonly #addresses = new BlockList();

  private constructor(
    private readonly network: string,
    private readonly prefix: number,
    private readonly family: 'ipv4' | 'ipv6',
  ) {
    this.#addresses.addSubnet(network, prefix, family);
  }

  /**
   * A range of IPv4-mapped addresses is one of IPv4, in whose form entries have them.
   *
   * @returns `undefined` unless the text is a range with a prefix of at least 8 (IPv4) or 16 (IPv6) bits, and
   * of one family
   */
  static parse(text: string): AddressRange | undefined {
    const [given = '', length, ...rest] = text.split('/');
    const network = canonicalAddress(given);
    if (network === undefined || rest.length > 0) return undefined;
    if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
    const bits = isIPv4(given) ? 32 : 128;
    const prefix = length === undefined ? bits : Number(length);
    if (prefix > bits) return undefined;
    if (isIPv4(network))
      return AddressRange.#from(network, bits === 32 ? prefix : prefix - MAPPED_PREFIX, 'ipv4');
    const range = AddressRange.#from(network, prefix, 'ipv6');
    return range?.contains(MAPPED_NETWORK) === true ? undefined : range;
  }

  static #from(network: string, prefix: number, family: 'ipv4' | 'ipv6'): AddressRange | undefined {
    return prefix < MIN_PREFIX[family] ? undefined : new AddressRange(network, prefix, family);
  }

  /** @param address in canonical form, as entries are searched by */
  contains(address: string): boolean {
    const family = familyOf(address);
    return family === this.family && this.#addresses.check(address, family);
  }

  /** Ranges of text that have every address of this range, in canonical form, and few others. */
  textRanges(): readonly TextRange[] {
    const beginnings = this.family === 'ipv4' ? this.#octets() : this.#groups();
    return beginnings.map((low) => ({ low, high: textAfter(low) }));
  }

  /** One beginning for each value that the octet which the prefix divides may have. */
  #octets(): string[] {
    const octets = this.network.split('.').map(Number);
    const whole = Math.floor(this.prefix / 8);
    const free = 2 ** (8 - (this.prefix % 8));
    const first = octets.slice(0, whole);
    if (free === 256) return [whole === 4 ? first.join('.') : `${first.join('.')}.`];
    const lowest = Math.floor((octets[whole] ?? 0) / free) * free;
    return Array.from({ length: free }, (_, nth) =>
      [...first, lowest + nth].join('.').concat(whole < 3 ? '.' : ''),
    );
  }

  /** The groups before the first zero, behind which groups may be left out (RFC 5952). */
  #groups(): string[] {
    const [before = ''] = this.network.split('::');
    const groups = before.split(':').slice(0, Math.floor(this.prefix / 16));
    const zero = groups.findIndex((group) => group === '0' || group === '');
    const first = zero < 0 ? groups : groups.slice(0, zero);
    return first.length === 0
      ? ['::', '0:']
      : [first.length === 8 ? this.network : `${first.join(':')}:`];
  }
}

function familyOf(text: string): 'ipv4' | 'ipv6' | undefined {
  if (isIPv4(text)) return 'ipv4';
  return isIPv6(text) ? 'ipv6' : undefined;
}

/** The smallest text after all that begin with this one. */
function textAfter(beginning: string): string {
  const last = beginning.charCodeAt(beginning.length - 1);
  // A whole address ends in a digit: nothing but the address begins with it and ends before this text.
  return /[.:]$/.test(beginning)
    ? beginning.slice(0, -1) + String.fromCharCode(last + 1)
    : `${beginning}\u0001`;
}
