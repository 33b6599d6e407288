import { refuseIf } from './jwt-parsing.js';

/**
 * Whether the instants in a token make it good now.
 *
 * @param longestSeconds between the first instant of the token and its end
 * @throws TokenRejected
 */
export function checkTimes(
  { iat, nbf, exp }: { iat: number; nbf: number; exp: number },
  {
    nowMs,
    skewSeconds,
    longestSeconds,
  }: Record<'nowMs' | 'skewSeconds' | 'longestSeconds', number>,
): void {
  const nowSeconds = nowMs / 1000;
  refuseIf(exp <= nbf || exp <= iat, 'claims-malformed', 'exp');
  refuseIf(exp - Math.min(iat, nbf) > longestSeconds, 'lifetime-too-long');
  refuseIf(nowSeconds >= exp + skewSeconds, 'expired');
  refuseIf(Math.max(iat, nbf) > nowSeconds + skewSeconds, 'not-yet-valid');
}
