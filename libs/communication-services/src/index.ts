export { AcsClients } from './acs-clients.js';
export { AcsCommunicationIdentityGateway } from './acs-communication-identity-gateway.js';
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
export { BudgetLedgers, MemoryBudgetLedgers } from './budget-ledgers.js';
export { BudgetMetrics } from './budget-metrics.js';
export type { BudgetSettings } from './budget-settings.js';
export { CommunicationResources, type CommunicationResource } from './communication-resources.js';
export {
  communicationServicesGrants,
  communicationServicesMigrations,
} from './communication-services-migrations.js';
export { CommunicationServicesModule } from './communication-services.module.js';
export {
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from './communication-services-settings.js';
export {
  BudgetExhausted,
  IdentityMissing,
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
export { GatewayMetrics } from './gateway-metrics.js';
export { MemoryCommunicationIdentityGateway } from './memory-communication-identity-gateway.js';
export {
  RequestBudget,
  type AcsOperation,
  type BudgetRequest,
  type Permit,
} from './request-budget.js';
export { SharedRequestBudget } from './shared-request-budget.js';
export { UnboundedRequestBudget } from './unbounded-request-budget.js';
