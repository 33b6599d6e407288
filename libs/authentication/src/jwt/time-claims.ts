import { mismatch, rejectIf } from '../errors.js';

/**
 * Entra dates tokens back by five minutes, so that the clocks of others may be late. Those of managed and
 * workload identities live 24 hours from their issuance, and are 24 hours and five minutes wide.
 */
const BACKDATING_SECONDS = 300;

/**
 * Checks the times of a token (RFC 7519, section 4.1), all in seconds since 1970.
 *
 * @param maxLifetimeSeconds from the earlier of `iat` and `nbf` to `exp`, without back-dating
 * @throws TokenRejected
 */
export function checkTimeClaims(
  { iat, nbf, exp }: { iat: number; nbf: number; exp: number },
  {
    nowMs,
    skewSeconds,
    maxLifetimeSeconds,
  }: Record<'nowMs' | 'skewSeconds' | 'maxLifetimeSeconds', number>,
): void {
  const nowSeconds = nowMs / 1000;
  rejectIf(exp <= nbf || exp <= iat, 'claims-malformed', 'exp');
  const lifetimeSeconds = exp - Math.min(iat, nbf);
  const maxSeconds = maxLifetimeSeconds + BACKDATING_SECONDS;
  if (lifetimeSeconds > maxSeconds)
    throw mismatch('lifetime-too-long', `at most ${maxSeconds} s`, `${lifetimeSeconds} s`);
  if (nowSeconds >= exp + skewSeconds)
    throw mismatch('expired', `exp after ${isoTime(nowSeconds)}`, isoTime(exp));
  const validFrom = Math.max(iat, nbf);
  if (validFrom > nowSeconds + skewSeconds)
    throw mismatch('not-yet-valid', `iat and nbf by ${isoTime(nowSeconds)}`, isoTime(validFrom));
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
