import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { DatabaseModule } from '#libs/platform';
import { IdentityExport } from './bulk/identity-export.js';
import { IdentityImport } from './bulk/identity-import.js';
import { IdentityProvisioning } from './bulk/identity-provisioning.js';
import { BackgroundWork } from './background-work.js';
import { IdentityAdministrationService } from './identity-administration.service.js';
import { IdentityCreation } from './identity-creation.js';
import { IdentityDeletion } from './identity-deletion.js';
import { IdentityLinking } from './identity-linking.js';
import { IdentityMap } from './identity-map.js';
import { IdentityMappingService } from './identity-mapping.service.js';
import { MappingEntity } from './mapping.entity.js';
import { MappingSweeper } from './mapping-sweeper.js';
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
    IdentityDeletion,
    IdentityMappingService,
    IdentityLinking,
    IdentityAdministrationService,
    IdentityProvisioning,
    IdentityImport,
    IdentityExport,
    MappingSweeper,
  ],
  exports: [
    IdentityMap,
    IdentityMappingService,
    IdentityLinking,
    IdentityAdministrationService,
    IdentityImport,
    IdentityExport,
  ],
})
export class IdentityMappingModule {}
