import { Module } from '@nestjs/common';
import { AuditModule, RecordedTablePart, VerifiedParts } from '#libs/audit';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { DatabaseModule } from '#libs/platform';
import { InvitationTable } from './check/invitation-table.js';
import { InvitationStore } from './store/invitation-store.js';
import { VisitorRevocation } from './visitor-revocation.js';

/** Taking back the tokens of visitors, which needs neither the key of invitations nor a policy. */
@Module({
  imports: [DatabaseModule, AuditModule, IdentityMappingModule],
  providers: [InvitationStore, VisitorRevocation],
  exports: [InvitationStore, VisitorRevocation],
})
export class VisitorRevocationModule {
  constructor(parts: VerifiedParts) {
    parts.add(new RecordedTablePart(new InvitationTable()));
  }
}
