import type { Trace } from '../../api/schemas.js';
import type { Address } from '../../shell/address.js';
import type { Traced } from './trace-token.js';

/**
 * What finds a trace again after a sign-in: the fingerprint in place of a token, which is never kept.
 *
 * @param found absent: there is no answer yet
 */
export function keptOf(traced: Traced, found?: Trace): Address['personal'] {
  if (!('token' in traced)) return { ...traced };
  const [token] = found?.tokens ?? [];
  return token ? { fingerprint: token.fingerprint } : {};
}

export function tracedBefore({ fingerprint, tokenId }: Address['personal']): Traced | undefined {
  if (fingerprint !== undefined) return { fingerprint };
  return tokenId === undefined ? undefined : { tokenId };
}
