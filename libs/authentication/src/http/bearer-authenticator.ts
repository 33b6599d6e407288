import { Authenticator } from './authenticator.js';
import { sanitize, parseJwt, rejectIf } from '../jwt/parse-jwt.js';
import { headerCount, header, type HttpRequest } from './http-request.js';
import type { Permission } from '../access/permission.js';
import type { Principal } from '../access/principal.js';
import { TokenRejected } from '../bearer/token-refused.js';
import type { TokenVerifier } from '../jwt/token-verifier.js';

/** Reads the bearer token out of the one `Authorization` header and has it verified. */
export class BearerAuthenticator extends Authenticator {
  /** @param verifiers the first that is for a token decides on it alone */
  constructor(private readonly verifiers: readonly TokenVerifier[]) {
    super();
  }

  override async authenticate(request: HttpRequest, sought: Permission): Promise<Principal> {
    const token = parseJwt(bearerTokenOf(request));
    const verifier = this.verifiers.find((candidate) => candidate.isFor(token));
    if (verifier !== undefined) return verifier.verify(token, sought);
    const { iss } = token.claims;
    throw new TokenRejected('issuer-not-trusted', typeof iss === 'string' ? sanitize(iss) : 'none');
  }
}

/**
 * The token of RFC 6750, section 2.1. Neither body nor query is looked at.
 *
 * @throws TokenRejected
 */
function bearerTokenOf(request: HttpRequest): string {
  rejectIf(headerCount('authorization', request) > 1, 'several-authorization-headers');
  const value = header(request, 'authorization');
  if (value === undefined || value === '') throw new TokenRejected('no-credentials');
  const [scheme = '', token, ...rest] = value.split(' ');
  rejectIf(scheme.toLowerCase() !== 'bearer', 'other-scheme');
  if (token === undefined || token === '' || rest.length > 0)
    throw new TokenRejected('malformed-header');
  return token;
}
