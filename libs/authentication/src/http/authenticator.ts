import type { Permission } from '../access/permission.js';
import type { Principal } from '#libs/platform';
import type { HttpRequest } from './http-request.js';

/** Authenticates the caller of a request. The authentication mode selects the implementation. */
export abstract class Authenticator {
  /**
   * @param requiredPermission the permission of the route; `undefined` when it needs none
   * @throws TokenRejected when the credentials are missing or invalid
   * @throws ClaimsChallenge when they are valid and lack claims that the permission requires
   * @throws IdentityProviderUnavailable when the signing keys can't be loaded
   */
  abstract authenticate(
    request: HttpRequest,
    requiredPermission: Permission | undefined,
  ): Promise<Principal>;

  /**
   * Whether the browser added the credentials on its own, as it adds cookies, also to requests of pages
   * of other sites. Such a request has to prove where it comes from if it changes something.
   */
  // oxlint-disable-next-line no-unused-vars -- adapters with cookies read it
  usesCookies(request: HttpRequest): boolean {
    return false;
  }
}
