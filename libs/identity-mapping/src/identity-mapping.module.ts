import { Module } from '@nestjs/common';
import { AuditModule, RecordedTablePart, VerifiedParts } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { DatabaseModule } from '#libs/platform';
import { TeamsPhoneModule } from '#libs/teams-phone';
import { RevocationTable } from './check/revocation-table.js';
import { IdentityExport } from './bulk/identity-export.js';
import { IdentityImport } from './bulk/identity-import.js';
import { MappingPart } from './check/mapping-part.js';
import { IdentityProvisioning } from './bulk/identity-provisioning.js';
import { BackgroundTasks } from './lifecycle/background-tasks.js';
import { IdentityAdministrationService } from './identity-administration.service.js';
import { IdentityCreation } from './lifecycle/identity-creation.js';
import { IdentityDeletion } from './lifecycle/identity-deletion.js';
import { IdentityLinking } from './lifecycle/identity-linking.js';
import { IdentityMappingService } from './identity-mapping.service.js';
import { RecoveryWorker } from './lifecycle/recovery-worker.js';
import { OrphanedIdentities } from './lifecycle/orphaned-identities.js';
import { MassRevocationMetrics } from './mass-revocation/mass-revocation-metrics.js';
import { MassRevocationService } from './mass-revocation/mass-revocation.service.js';
import { MassRevocationStore } from './mass-revocation/mass-revocation-store.js';
import { MassRevocationWorker } from './mass-revocation/mass-revocation-worker.js';
import { RevocationTargetCleanup } from './mass-revocation/target-cleanup.js';
import { TokenRevocation } from './lifecycle/token-revocation.js';

/** Application identities and the communication identities that belong to them. */
@Module({
  imports: [DatabaseModule, AuditModule, CommunicationServicesModule, TeamsPhoneModule],
  providers: [
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
    MappingPart,
    MassRevocationMetrics,
    MassRevocationStore,
    MassRevocationWorker,
    MassRevocationService,
    RevocationTargetCleanup,
  ],
  exports: [
    IdentityMappingService,
    IdentityLinking,
    IdentityAdministrationService,
    IdentityImport,
    IdentityExport,
    MassRevocationService,
  ],
})
export class IdentityMappingModule {
  constructor(parts: VerifiedParts) {
    parts.add(new RecordedTablePart(new RevocationTable()));
  }
}
