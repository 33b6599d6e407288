export { InvitationNotFound, InvitationRefused, type RefusalReason } from './errors.js';
export { type OpenedInvitation } from './invitation.js';
export { InvitationSigner } from './invitation-signer.js';
export { InvitationsService, type IssuedInvitation } from './invitations.service.js';
export { visitorSettings, type VisitorSettings } from './settings.js';
export { visitorGrants, visitorMigrations } from './schema/migrations.js';
export { type AdmittedVisitor, VisitorAdmission } from './visitor-admission.js';
export { VisitorsModule } from './visitors.module.js';
