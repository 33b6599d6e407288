import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { DatabaseModule } from '#libs/platform';
import { IdentityExport } from './bulk/identity-export.js';
import { IdentityImport } from './bulk/identity-import.js';
import { IdentityProvisioning } from './bulk/identity-provisioning.js';
import { BackgroundTasks } from './lifecycle/background-tasks.js';
import { IdentityAdministrationService } from './identity-administration.service.js';
import { IdentityCreation } from './lifecycle/identity-creation.js';
import { IdentityDeletion } from './lifecycle/identity-deletion.js';
import { IdentityLinking } from './lifecycle/identity-linking.js';
import { IdentityMap } from './store/identity-map.js';
import { IdentityMappingService } from './identity-mapping.service.js';
import { MappingEntity } from './store/mapping.entity.js';
import { RecoveryWorker } from './lifecycle/recovery-worker.js';
import { OrphanEntity } from './store/orphan.entity.js';
import { OrphanedIdentities } from './lifecycle/orphaned-identities.js';
import { PostgresIdentityMap } from './store/postgres-identity-map.js';
import { TokenRevocation } from './lifecycle/token-revocation.js';

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
    BackgroundTasks,
    OrphanedIdentities,
    IdentityCreation,
    TokenRevocation,
    IdentityDeletion,
    IdentityMappingService,
    IdentityLinking,
    IdentityAdministrationService,
    IdentityProvisioning,
    IdentityImport,
    IdentityExport,
    RecoveryWorker,
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
