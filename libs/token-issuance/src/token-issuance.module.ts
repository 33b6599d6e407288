import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { TeamsPhoneModule } from '#libs/teams-phone';
import { ExpiredTokenCleanup } from './expired-token-cleanup.js';
import { IssuanceMetricsModule } from './metrics.js';
import { IssuanceAuditor } from './issue/issuance-auditor.js';
import { IssuancePolicies } from './policy-loading/issuance-policies.js';
import { TokenReuse } from './cache/token-reuse.js';
import { ClientExchangeService } from './teams/client-exchange.service.js';
import { TeamsExchangeService } from './teams/teams-exchange.service.js';
import { TokenExchange } from './teams/token-exchange.js';
import { TokenIssuanceService } from './issue/token-issuance.service.js';

/** Issues ACS access tokens under the issuance policy. */
@Module({
  imports: [
    AuditModule,
    CommunicationServicesModule,
    IdentityMappingModule,
    TeamsPhoneModule,
    IssuanceMetricsModule,
  ],
  providers: [
    IssuanceAuditor,
    IssuancePolicies,
    TokenReuse,
    TokenIssuanceService,
    TeamsExchangeService,
    ClientExchangeService,
    TokenExchange,
    ExpiredTokenCleanup,
  ],
  exports: [IssuancePolicies, TokenIssuanceService, TeamsExchangeService, ClientExchangeService],
})
export class TokenIssuanceModule {}
