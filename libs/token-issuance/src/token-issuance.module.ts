import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { IssuancePolicy, SettingsIssuancePolicy } from './issuance-policy.js';
import { TokenIssuanceService } from './token-issuance.service.js';

/** ACS access tokens: who gets which, and the record of it. */
@Module({
  imports: [AuditModule, CommunicationServicesModule, IdentityMappingModule],
  providers: [{ provide: IssuancePolicy, useClass: SettingsIssuancePolicy }, TokenIssuanceService],
  exports: [IssuancePolicy, TokenIssuanceService],
})
export class TokenIssuanceModule {}
