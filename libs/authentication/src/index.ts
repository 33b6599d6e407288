export {
  type AccessRule,
  accessRulesOf,
  Public,
  RequireClientExchange,
  RequirePermission,
  RequireSignIn,
} from './http/access-rule.js';
export {
  assertEveryRouteDeclaresAccess,
  listRouteAccess,
  type RouteAccess,
} from './http/assert-every-route-declares-access.js';
export {
  AmbiguousCredentials,
  ChallengeError,
  ClaimsChallenge,
  IdentityProviderUnavailable,
  InsufficientClaims,
  InsufficientPermission,
  InvalidToken,
  type RejectionReason,
  TokenRejected,
  TooManyRequests,
  Unauthenticated,
} from './errors.js';
export type { DeniedCall } from './audit/denial-auditor.js';
export { AuthenticationGuard } from './http/authentication.guard.js';
export { createTokenVerifiers } from './create-token-verifiers.js';
export { BearerAuthenticator } from './http/bearer-authenticator.js';
export { Authenticator } from './http/authenticator.js';
export { AuthenticatorModule } from './authenticator.module.js';
export { HttpsMetadataSourceModule } from './keys/https-metadata-source.module.js';
export { PostgresRateLimitStoreModule } from './rate-limit/postgres-rate-limit-store.module.js';
export { AuthenticationModule } from './authentication.module.js';
export {
  acceptedTenants,
  authenticationSettings,
  type AuthenticationSettings,
} from './settings.js';
export {
  CurrentPrincipal,
  CurrentRequest,
  isAuthenticated,
  principalOf,
} from './http/current-principal.js';
export type { HttpReply, HttpRequest } from './http/http-request.js';
export { canonicalAudience } from './jwt/audience.js';
export { HttpsMetadataSource } from './keys/https-metadata-source.js';
export { MetadataSource } from './keys/metadata-source.js';
export { authenticationGrants, authenticationMigrations } from './schema/migrations.js';
export { CLIENT_APIS, type ClientExchange, clientExchangesIn } from './access/client-exchange.js';
export {
  type CustomPermission,
  definePermission,
  isPermission,
  type Permission,
  PERMISSIONS,
} from './access/permission.js';
export { requestContextOf, RequestContexts } from './http/request-contexts.js';
export { RateLimitStore } from './rate-limit/rate-limit-store.js';
