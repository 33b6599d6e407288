export { AcsClients } from './acs/acs-clients.js';
export { AcsCommunicationIdentityGateway } from './acs/acs-communication-identity-gateway.js';
export {
  CLIENT_EXCHANGES,
  CommunicationIdentityGateway,
  type Acknowledged,
  type AssignmentHolder,
  type ClientExchange,
  type CreatedIdentity,
  type EntraExchange,
  type ExchangedToken,
  type GatewayCall,
  isSameContent,
  type IssuedToken,
  PRINCIPAL_TYPES,
  type PrincipalType,
  type TeamsPhoneAssignment,
  type TokenRequest,
  type UpstreamEvidence,
} from './communication-identity-gateway.js';
export {
  CommunicationResources,
  type CommunicationResource,
} from './resources/communication-resources.js';
export { probeResource } from './acs/probe-resource.js';
export { CredentialUnavailable } from './acs/upstream-failure.js';
export { AcsModule } from './acs/acs.module.js';
export { CommunicationServicesModule } from './communication-services.module.js';
export { communicationServicesSettings, type CommunicationServicesSettings } from './settings.js';
export {
  AccessNotAssigned,
  EntraTokenRefused,
  IdentityMissing,
  IdentityNotOwned,
  ResourceNotConfigured,
  TeamsPhoneAssignmentRefused,
  TeamsTokenRefused,
  UpstreamCredentialMalformed,
  UpstreamCredentialRefused,
  UpstreamOutcomeUnknown,
  UpstreamRequestRefused,
  UpstreamResourceMismatch,
  UpstreamThrottled,
  UpstreamUnavailable,
} from './errors.js';
export { GatewayMetrics } from './acs/metrics.js';
