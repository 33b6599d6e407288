import type { Principal } from '../access/principal.js';

/** The token is good, and the issuer has to vouch for more. Never leaves the library. */
export class ClaimsChallenge extends Error {
  /** @param claims a claims request (OpenID Connect Core 1.0, section 5.5) */
  constructor(
    readonly principal: Principal,
    readonly claims: object,
  ) {
    super('claims required');
    this.name = 'ClaimsRequired';
  }
}
