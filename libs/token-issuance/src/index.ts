export { tokenIssuanceGrants, tokenIssuanceMigrations } from './schema/migrations.js';
export { BUILT_IN_POLICY } from './policy/built-in-policy.js';
export { IssuancePolicies } from './policy-loading/issuance-policies.js';
export {
  IssuancePolicy,
  type Decision,
  type Grant,
  type PolicySubject,
  type ScopeSunset,
  type TokenOptions,
  type EvaluatedRule,
} from './policy/issuance-policy.js';
export { policyJsonSchema } from './policy/policy-document.js';
export { InvalidPolicy, readPolicy } from './policy/policy-file.js';
export {
  ExchangeNotAllowed,
  LifetimeNotAllowed,
  NoRuleApplies,
  ScopesNotAllowed,
  TeamsTokensNotAllowed,
  TokenQuotaExceeded,
} from './policy/errors.js';
export { ClientExchangeService } from './teams/client-exchange.service.js';
export { TeamsExchangeService } from './teams/teams-exchange.service.js';
export type { ReleasedToken } from './teams/token-exchange.js';
export { TokenIssuanceModule } from './token-issuance.module.js';
export { TokenIssuanceService, type IssuedToken } from './issue/token-issuance.service.js';
export { tokenIssuanceSettings, type TokenIssuanceSettings } from './settings.js';
export { PostgresTokenCacheModule } from './cache/postgres-token-cache.module.js';
export { DecryptionFailed, examineCacheKey } from './cache/envelope-encryption.js';
export { TokenCache } from './cache/token-cache.js';
export { PostgresTokenQuotaModule } from './issue/postgres-token-quota.module.js';
export { TokenQuota } from './issue/token-quota.js';
