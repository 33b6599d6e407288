export { type AccessRule, Public, RequirePermission } from './http/access.js';
export {
  assertEveryRouteDeclaresAccess,
  listRouteAccess,
  type RouteAccess,
} from './http/assert-every-route-declares-access.js';
export {
  AmbiguousCredentials,
  ChallengeError,
  IdentityProviderUnavailable,
  InsufficientClaims,
  InsufficientPermission,
  InvalidToken,
  TooManyRequests,
  Unauthenticated,
} from './errors.js';
export { AuthenticationGuard } from './http/authentication.guard.js';
export { Authenticator } from './bearer/authenticator.js';
export { AuthenticatorModule } from './authenticator.module.js';
export { HttpsMetadataSourceModule } from './keys/https-metadata-source.module.js';
export { PostgresRateLimitStoreModule } from './rate-limit/postgres-rate-limit-store.module.js';
export { AuthenticationModule } from './authentication.module.js';
export { authenticationSettings, type AuthenticationSettings } from './settings.js';
export { CurrentPrincipal, CurrentRequest, principalOf } from './http/current-principal.js';
export { type HttpRequest } from './http/http-request.js';
export { MetadataSource } from './keys/metadata-source.js';
export { authenticationGrants, authenticationMigrations } from './schema/migrations.js';
export { isPermission, type Permission, PERMISSIONS } from './access/permission.js';
export { type Principal } from './access/principal.js';
export { requestContextOf, RequestContexts } from './http/request-contexts.js';
export { RateLimitStore } from './rate-limit/rate-limit-store.js';
