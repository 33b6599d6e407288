import type { Permission } from '../access/permission.js';
import type { Principal } from '#libs/platform';
import { mismatch, rejectIf, TokenRejected } from '../errors.js';
import { parseJwt, sanitize } from '../jwt/parse-jwt.js';
import type { TokenVerifier } from '../jwt/token-verifier.js';
import { Authenticator } from './authenticator.js';
import { header, headerCount, type HttpRequest } from './http-request.js';

/** Authenticates by the bearer token of the `Authorization` header. */
export class BearerAuthenticator extends Authenticator {
  /** @param verifiers the first one that `isFor` a token decides alone */
  constructor(private readonly verifiers: readonly TokenVerifier[]) {
    super();
  }

  override async authenticate(
    request: HttpRequest,
    requiredPermission: Permission | undefined,
  ): Promise<Principal> {
    return this.verify(bearerToken(request), requiredPermission);
  }

  /** As `authenticate`, of a token without its request. */
  async verify(text: string, requiredPermission: Permission | undefined): Promise<Principal> {
    const token = parseJwt(text);
    const verifier = this.verifiers.find((candidate) => candidate.isFor(token));
    if (verifier !== undefined) return verifier.verify(token, requiredPermission);
    const { iss } = token.claims;
    const issuers = this.verifiers.flatMap((candidate) => candidate.issuers);
    const detail = typeof iss === 'string' ? sanitize(iss) : 'none';
    throw mismatch('issuer-not-trusted', issuers, iss, detail);
  }
}

/**
 * The token of RFC 6750, section 2.1, after one space or several. Tokens in the body or the query are ignored.
 *
 * @throws TokenRejected
 */
function bearerToken(request: HttpRequest): string {
  rejectIf(headerCount(request, 'authorization') > 1, 'several-authorization-headers');
  const value = header(request, 'authorization');
  if (value === undefined || value === '') throw new TokenRejected('no-credentials');
  const [scheme = '', token, ...rest] = value.split(/ +/);
  rejectIf(scheme.toLowerCase() !== 'bearer', 'other-scheme');
  if (token === undefined || token === '' || rest.length > 0)
    throw new TokenRejected('malformed-header');
  return token;
}
