import type { HttpRequest } from './http-request.js';
import type { Permission } from '../access/permission.js';
import type { Principal } from '../access/principal.js';

/** Tells who is behind a request. */
export abstract class Authenticator {
  /**
   * @param sought the permission that the caller is about to use
   * @throws TokenRejected when the credentials are missing or no good
   * @throws ClaimsRequired when the issuer has to vouch for more before the permission is used
   * @throws IdentityProviderUnavailable when that can't be told
   */
  abstract authenticate(request: HttpRequest, sought: Permission): Promise<Principal>;
}
