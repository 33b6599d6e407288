import type { HttpRequest } from './http-request.js';
import type { Principal } from './principal.js';

/** Tells who is behind a request. */
export abstract class Authenticator {
  /**
   * @throws TokenRefused when the credentials are missing or no good
   * @throws IdentityProviderUnavailable when that can't be told
   */
  abstract authenticate(request: HttpRequest): Promise<Principal>;
}
