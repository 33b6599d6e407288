export {
  CommunicationIdentityGateway,
  type Acknowledged,
  type CallPriority,
  type CreatedIdentity,
  type GatewayCall,
  type IssuedToken,
  type TokenWish,
  type UpstreamEvidence,
} from './communication-identity-gateway.js';
export { CommunicationResources, type CommunicationResource } from './communication-resources.js';
export {
  IdentityNotOwned,
  ResourceNotConfigured,
  TeamsTokenRefused,
  UpstreamCredentialMalformed,
  UpstreamCredentialRefused,
  UpstreamOutcomeUnknown,
  UpstreamRequestRefused,
  UpstreamThrottled,
  UpstreamUnavailable,
} from './gateway-errors.js';
