import { randomBytes } from 'node:crypto';

/** A token as ACS makes them, which the service did not issue. */
export function neverIssuedToken(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { skypeid: `acs:${randomBytes(8).toString('hex')}` };
  // A key of RSA of 2,048 bits makes signatures of 256 bytes.
  return `${part({ alg: 'RS256' })}.${part(claims)}.${randomBytes(256).toString('base64url')}`;
}
