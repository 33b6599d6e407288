import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { DatabaseModule } from '#libs/platform';
import { SecretsModule } from '#libs/secrets';
import { ExpiredTokenCleanup } from './cache/expired-token-cleanup.js';
import { IssuanceMetrics } from './metrics.js';
import { IssuanceAuditor } from './issue/issuance-auditor.js';
import { IssuancePolicies } from './policy-loading/issuance-policies.js';
import { PostgresTokenCache } from './cache/postgres-token-cache.js';
import { TokenCache } from './cache/token-cache.js';
import { TokenReuse } from './cache/token-reuse.js';
import { EnvelopeEncryption } from './cache/envelope-encryption.js';
import { TeamsExchangeService } from './teams/teams-exchange.service.js';
import { TokenIssuanceService } from './issue/token-issuance.service.js';
import { PostgresTokenQuota, TokenQuota } from './issue/token-quota.js';

/** ACS access tokens: who gets which, and the record of it. */
@Module({
  imports: [
    DatabaseModule,
    AuditModule,
    SecretsModule,
    CommunicationServicesModule,
    IdentityMappingModule,
  ],
  providers: [
    IssuanceMetrics,
    IssuanceAuditor,
    IssuancePolicies,
    EnvelopeEncryption,
    { provide: TokenCache, useClass: PostgresTokenCache },
    { provide: TokenQuota, useClass: PostgresTokenQuota },
    TokenReuse,
    TokenIssuanceService,
    TeamsExchangeService,
    ExpiredTokenCleanup,
  ],
  exports: [IssuancePolicies, TokenIssuanceService, TeamsExchangeService],
})
export class TokenIssuanceModule {}
