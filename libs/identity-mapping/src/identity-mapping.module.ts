import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { DatabaseModule } from '#libs/platform';
import { BackgroundWork } from './background-work.js';
import { IdentityCreation } from './identity-creation.js';
import { IdentityMap } from './identity-map.js';
import { IdentityMappingService } from './identity-mapping.service.js';
import { MappingEntity } from './mapping.entity.js';
import { OrphanEntity } from './orphan.entity.js';
import { Orphans } from './orphans.js';
import { PostgresIdentityMap } from './postgres-identity-map.js';
import { TokenRevocation } from './token-revocation.js';

/** Application identities and the communication identities that belong to them. */
@Module({
  imports: [
    DatabaseModule,
    AuditModule,
    CommunicationServicesModule,
    TypeOrmModule.forFeature([MappingEntity, OrphanEntity]),
  ],
  providers: [
    { provide: IdentityMap, useClass: PostgresIdentityMap },
    BackgroundWork,
    Orphans,
    IdentityCreation,
    TokenRevocation,
    IdentityMappingService,
  ],
  exports: [IdentityMap, IdentityMappingService],
})
export class IdentityMappingModule {}
