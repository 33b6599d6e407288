export { type Actor, type Principal, isPrincipal } from './trail/actor.js';
export {
  type AuditAction,
  type AuditEvent,
  type AuditOutcome,
  type AuditTarget,
  type AuditedToken,
  auditActions,
  auditOutcomes,
} from './trail/audit-event.js';
export { auditSettings, type AuditSettings } from './settings.js';
export { type AuditReceipt, AuditTrail, type TransactionalWrite } from './trail/audit-trail.js';
export { AuditUnavailable } from './errors/audit-unavailable.js';
export { type TokenFingerprint, TokenFingerprints } from './fingerprints/token-fingerprints.js';
export { AuditModule } from './audit.module.js';
export { auditFunctionGrants, auditGrants } from './schema/audit-grants.js';
export { auditMigrations } from './schema/migrations.js';
export { CheckpointSigners } from './log/checkpoint-signers.js';
export { PostgresAuditTrailModule } from './trail/postgres-audit-trail.module.js';
export { SecretTokenFingerprintsModule } from './fingerprints/secret-token-fingerprints.module.js';
export { PostgresAuditTrail } from './trail/postgres-audit-trail.js';
export { AuditEntryNotFound, AuditEntryRetired, AuditScopeExceeded } from './errors.js';
export type { AuditEntry, EntryActor, PersonalHashes } from './entry/audit-entry.js';
export type { AuditEntryRecord } from './entry/audit-entry-record.js';
export type { AuditFault, AuditFaultKind } from './verify/audit-fault.js';
export {
  DatabaseVerifier,
  type VerifyReport,
  type VerifyRequest,
} from './verify/database-verifier.js';
export { AuditLogService, type AuditReader } from './query/audit-log.service.js';
export { EntryExport, type ExportPiece, type ExportQuery } from './export/entry-export.js';
export type { EntryFilter, EntryPage, EntryQuery } from './query/entry-search.js';
export {
  type StatisticBucket,
  type StatisticCount,
  type StatisticDimension,
  statisticDimensions,
  type StatisticsQuery,
} from './query/entry-statistics.js';
export { type ExportForm, type ExportFormat, exportForms } from './export/export-formats.js';
export { LogReader, type SignedHead } from './log/log-reader.js';
export { storedCheckpoint } from './log/stored-checkpoint.js';
export { LogRetention, type RetentionReport } from './log/retention.js';
export type { TokenTrace } from './query/token-trace.js';
export { TileDirectory, type LogSource } from './log/tile-directory.js';
export { verifyFolder, type VerifyFolderRequest } from './verify/folder-verifier.js';
