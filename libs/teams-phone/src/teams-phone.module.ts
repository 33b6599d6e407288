import { Module } from '@nestjs/common';
import { AuditModule, RecordedTablePart, VerifiedParts } from '#libs/audit';
import {
  CommunicationServicesModule,
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import { DatabaseModule } from '#libs/platform';
import { AssignmentTable } from './check/assignment-table.js';
import { AssignmentRenewal } from './assignment-renewal.js';
import { AssignmentReconciliation } from './assignment-reconciliation.js';
import { AssignmentExport } from './bulk/assignment-export.js';
import { AssignmentImport } from './bulk/assignment-import.js';
import { AssignmentCalls, LeaseLength } from './lifecycle/assignment-calls.js';
import { AssignmentRecovery } from './lifecycle/assignment-recovery.js';
import { PersonRenewal } from './person-renewal.js';
import { TeamsPhoneAssignments } from './teams-phone-assignments.js';

/** Who may use Teams Phone extensibility through the ACS resources. */
@Module({
  imports: [DatabaseModule, AuditModule, CommunicationServicesModule],
  providers: [
    {
      provide: LeaseLength,
      inject: [communicationServicesSettings.key],
      // Three calls with their waits: in a busy process a call must end before its lease.
      useFactory: ({ budget, timeoutMs }: CommunicationServicesSettings): LeaseLength => ({
        leaseMs: 3 * (budget.maxWaitMs + timeoutMs),
      }),
    },
    AssignmentCalls,
    AssignmentRecovery,
    TeamsPhoneAssignments,
    AssignmentReconciliation,
    AssignmentRenewal,
    PersonRenewal,
    AssignmentImport,
    AssignmentExport,
  ],
  exports: [
    TeamsPhoneAssignments,
    AssignmentReconciliation,
    AssignmentRenewal,
    PersonRenewal,
    AssignmentImport,
    AssignmentExport,
  ],
})
export class TeamsPhoneModule {
  constructor(parts: VerifiedParts) {
    parts.add(new RecordedTablePart(new AssignmentTable()));
  }
}
