export { type Actor, type Caller, isCaller } from './actor.js';
export {
  type AuditAction,
  type AuditEvent,
  type AuditOutcome,
  type AuditTarget,
  type AuditedToken,
  auditActions,
  auditOutcomes,
} from './audit-event.js';
export { auditSettings, type AuditSettings } from './audit-settings.js';
export { type AuditReceipt, AuditTrail, type Change } from './audit-trail.js';
export { AuditUnavailable } from './audit-unavailable.js';
export { MemoryAuditTrail } from './memory-audit-trail.js';
export { type TokenFingerprint, TokenFingerprints } from './token-fingerprints.js';
export { AuditModule } from './audit.module.js';
export { auditFunctionGrants, auditGrants } from './audit-grants.js';
export { auditMigrations } from './audit-migrations.js';
export { CheckpointSigners } from './checkpoint-signers.js';
export { PostgresAuditTrail } from './postgres-audit-trail.js';
export { AuditEntryNotFound, AuditEntryRetired, AuditScopeExceeded } from './audit-log-errors.js';
export type { AuditEntry, EntryActor, PersonalHashes } from './audit-entry.js';
export type { RecordedEntry } from './recorded-entry.js';
export type { AuditFault, AuditFaultKind } from './verify/audit-fault.js';
export {
  DatabaseVerifier,
  type VerifyReport,
  type VerifyRequest,
} from './verify/database-verifier.js';
export { AuditDesk, type AuditReader } from './audit-desk.js';
export { EntryExport, type ExportPiece, type ExportQuery } from './entry-export.js';
export type { EntryFilter, EntryPage, EntryQuery } from './entry-search.js';
export {
  type StatisticBucket,
  type StatisticCount,
  type StatisticDimension,
  statisticDimensions,
  type StatisticsQuery,
} from './entry-statistics.js';
export { type ExportForm, type ExportFormat, exportForms } from './export/export-formats.js';
export { LogReader, type SignedHead } from './log-reader.js';
export { LogRetention, type RetentionReport } from './log-retention.js';
export type { TokenTrace } from './token-trace.js';
export { LogFolder, type LogSource } from './log-folder.js';
export { verifyFolder, type VerifyFolderRequest } from './verify/folder-verifier.js';
