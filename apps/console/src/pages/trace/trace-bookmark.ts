import type { Trace } from '../../api/schemas.js';
import type { Address } from '../../shell/address.js';
import { type Traced, tracedFingerprint, tracedId } from '../../shell/recognise.js';

/**
 * What finds a trace again after a sign-in: the fingerprint in place of a token, which is never kept.
 *
 * @param found absent: there is no answer yet
 */
export function bookmarkOf({ by }: Traced, found?: Trace): Address['personal'] {
  if (!('token' in by)) return { ...by };
  const [token] = found?.tokens ?? [];
  return token ? { fingerprint: token.fingerprint } : {};
}

export function tracedFrom({ fingerprint, tokenId }: Address['personal']): Traced | undefined {
  if (fingerprint !== undefined) return tracedFingerprint(fingerprint);
  return tokenId === undefined ? undefined : tracedId(tokenId);
}
