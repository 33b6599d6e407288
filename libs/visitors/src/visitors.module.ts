import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { TokenIssuanceModule } from '#libs/token-issuance';
import { InvitationKeys } from './invitation-keys.js';
import { InvitationSigner } from './invitation-signer.js';
import { InvitationsService } from './invitations.service.js';
import { VisitorAdmission } from './visitor-admission.js';
import { VisitorCleanup } from './visitor-cleanup.js';
import { VisitorRevocationModule } from './visitor-revocation.module.js';

/** Visitors, who have no sign-in and an invitation. */
@Module({
  imports: [AuditModule, IdentityMappingModule, TokenIssuanceModule, VisitorRevocationModule],
  providers: [
    InvitationKeys,
    InvitationSigner,
    InvitationsService,
    VisitorAdmission,
    VisitorCleanup,
  ],
  exports: [InvitationsService, InvitationSigner, VisitorAdmission],
})
export class VisitorsModule {}
