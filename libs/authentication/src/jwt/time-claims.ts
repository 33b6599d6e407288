import { rejectIf } from './parse-jwt.js';

/**
 * Whether the instants in a token make it good now.
 *
 * @param longestSeconds between the first instant of the token and its end
 * @throws TokenRejected
 */
export function checkTimeClaims(
  { iat, nbf, exp }: { iat: number; nbf: number; exp: number },
  {
    nowMs,
    skewSeconds,
    longestSeconds,
  }: Record<'nowMs' | 'skewSeconds' | 'longestSeconds', number>,
): void {
  const nowSeconds = nowMs / 1000;
  rejectIf(exp <= nbf || exp <= iat, 'claims-malformed', 'exp');
  rejectIf(exp - Math.min(iat, nbf) > longestSeconds, 'lifetime-too-long');
  rejectIf(nowSeconds >= exp + skewSeconds, 'expired');
  rejectIf(Math.max(iat, nbf) > nowSeconds + skewSeconds, 'not-yet-valid');
}
