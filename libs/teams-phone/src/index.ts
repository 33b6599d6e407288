export {
  ASSIGNMENT_STATUSES,
  type Assignment,
  type AssignmentStatus,
  isRevoking,
  PRINCIPAL_TYPES,
} from './assignment.js';
export {
  type AssignmentDifference,
  AssignmentReconciliation,
  type ReconciliationReport,
} from './assignment-reconciliation.js';
export { AssignmentRenewal } from './assignment-renewal.js';
export { AssignmentTable } from './check/assignment-table.js';
export { assignmentFields } from './assignment-fields.js';
export { AssignmentExport, type AssignmentExportLine } from './bulk/assignment-export.js';
export { EXPORTED_STATUSES } from './bulk/assignment-line.js';
export { AssignmentImport, type AssignmentImportSummary } from './bulk/assignment-import.js';
export { AssigneeNotActive, AssignmentChanged, AssignmentPending } from './errors.js';
export { PersonRenewal } from './person-renewal.js';
export { type AssignmentPage, TeamsPhoneAssignments } from './teams-phone-assignments.js';
export { TeamsPhoneModule } from './teams-phone.module.js';
export { type AssignmentSelection, AssignmentStore } from './store/assignment-store.js';
export { PostgresAssignmentStore } from './store/postgres-assignment-store.js';
export { PostgresAssignmentStoreModule } from './store/postgres-assignment-store.module.js';
export { teamsPhoneGrants, teamsPhoneMigrations } from './schema/migrations.js';
