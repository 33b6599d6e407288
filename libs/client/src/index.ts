export type { AbortSignalLike } from './abort.js';
export type { AccessTokenRequest, GetAccessToken } from './access-token.js';
export type { components, operations, paths } from './api.js';
export {
  type AccessToken,
  communicationTokenCredential,
  type CommunicationTokenCredentialOptions,
  type CommunicationTokenRefreshOptions,
} from './communication-token-credential.js';
export { ConnectionError } from './connection-error.js';
export {
  type CallerIdentity,
  type CallOptions,
  createIdentityClient,
  type IdentityClient,
  type IdentityClientOptions,
  type RevocationResponse,
  type TeamsTokenRequest,
  type TeamsTokenResponse,
  type TokenRequest,
  type TokenResponse,
} from './identity-client.js';
export { type ProblemDetails, ProblemError } from './problem-error.js';
