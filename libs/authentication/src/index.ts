export { type AccessRule, Public, RequirePermission } from './access.js';
export {
  assertEveryRouteDeclaresAccess,
  listRouteAccess,
  type RouteAccess,
} from './assert-every-route-declares-access.js';
export {
  AmbiguousCredentials,
  ChallengeError,
  IdentityProviderUnavailable,
  InsufficientClaims,
  InsufficientPermission,
  InvalidToken,
  TooManyRequests,
  Unauthenticated,
} from './authentication-errors.js';
export { AuthenticationGuard } from './authentication.guard.js';
export { AuthenticationModule } from './authentication.module.js';
export { authenticationSettings, type AuthenticationSettings } from './authentication-settings.js';
export { CurrentPrincipal, CurrentRequest, principalOf } from './current-principal.js';
export { type HttpRequest } from './http-request.js';
export { MemoryMetadataSource, MetadataSource } from './metadata-source.js';
export { authenticationGrants, authenticationMigrations } from './migrations.js';
export { isPermission, type Permission, PERMISSIONS } from './permission.js';
export { type Principal } from './principal.js';
export { requestContextOf, RequestContexts } from './request-contexts.js';
export { MemoryUsageCounter, UsageCounter } from './usage-counter.js';
