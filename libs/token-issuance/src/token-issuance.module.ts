import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { DatabaseModule } from '#libs/platform';
import { SecretsModule } from '#libs/secrets';
import { Housekeeping } from './housekeeping.js';
import { IssuanceMetrics } from './issuance-metrics.js';
import { IssuanceRecord } from './issuance-record.js';
import { IssuancePolicies } from './policy/issuance-policies.js';
import { PostgresTokenCache } from './reuse/postgres-token-cache.js';
import { TokenCache } from './reuse/token-cache.js';
import { TokenReuse } from './reuse/token-reuse.js';
import { TokenSealer } from './reuse/token-sealer.js';
import { TeamsExchangeService } from './teams-exchange.service.js';
import { TokenIssuanceService } from './token-issuance.service.js';
import { PostgresTokenQuota, TokenQuota } from './token-quota.js';
import { TokenRevocationService } from './token-revocation.service.js';

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
    IssuanceRecord,
    IssuancePolicies,
    TokenSealer,
    { provide: TokenCache, useClass: PostgresTokenCache },
    { provide: TokenQuota, useClass: PostgresTokenQuota },
    TokenReuse,
    TokenIssuanceService,
    TokenRevocationService,
    TeamsExchangeService,
    Housekeeping,
  ],
  exports: [IssuancePolicies, TokenIssuanceService, TokenRevocationService, TeamsExchangeService],
})
export class TokenIssuanceModule {}
