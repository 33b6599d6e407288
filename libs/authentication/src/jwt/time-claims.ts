import { rejectIf } from '../errors.js';

/**
 * Checks the times of a token (RFC 7519, section 4.1), all in seconds since 1970.
 *
 * @param maxLifetimeSeconds from the earlier of `iat` and `nbf` to `exp`
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
  rejectIf(exp - Math.min(iat, nbf) > maxLifetimeSeconds, 'lifetime-too-long');
  rejectIf(nowSeconds >= exp + skewSeconds, 'expired');
  rejectIf(Math.max(iat, nbf) > nowSeconds + skewSeconds, 'not-yet-valid');
}
