export {
  type AuditAction,
  type AuditEvent,
  type AuditOutcome,
  type AuditTarget,
  type AuditedToken,
  AUDIT_ACTIONS,
  AUDIT_OUTCOMES,
} from './trail/audit-event.js';
export {
  type AggregateDetails,
  AggregatingRecorder,
  type AggregationOptions,
} from './trail/aggregating-recorder.js';
export { auditSettings, type AuditSettings } from './settings.js';
export { type AuditReceipt, AuditTrail, type TransactionalWrite } from './trail/audit-trail.js';
export { AuditUnavailable } from './errors.js';
export { type TokenFingerprint, TokenFingerprints } from './fingerprints/token-fingerprints.js';
export { AuditModule } from './audit.module.js';
export { auditFunctionGrants, auditGrants } from './schema/migrations.js';
export { auditMigrations } from './schema/migrations.js';
export { CheckpointSigners } from './log/checkpoint-signers.js';
export { PostgresAuditTrailModule } from './trail/postgres-audit-trail.module.js';
export { SecretTokenFingerprintsModule } from './fingerprints/secret-token-fingerprints.module.js';
export { PostgresAuditTrail } from './trail/postgres-audit-trail.js';
export { AuditEntryNotFound, AuditEntryRetired, AuditScopeExceeded } from './errors.js';
export type { AuditEntry, EntryActor, PersonalHashes } from './entry/audit-entry.js';
export type { AuditEntryRecord } from './entry/audit-entry.js';
export type { AuditFault, AuditFaultKind } from './verify/audit-fault.js';
export {
  DatabaseVerifier,
  type VerifyReport,
  type VerifyRequest,
} from './verify/database-verifier.js';
export { AuditLogService } from './query/audit-log.service.js';
export { EntryExport, type ExportChunk, type ExportQuery } from './export/entry-export.js';
export type { EntryFilter, EntryPage, EntryQuery } from './query/entry-search.js';
export {
  type StatisticBucket,
  type StatisticCount,
  type StatisticDimension,
  STATISTIC_DIMENSIONS,
  type StatisticsQuery,
} from './query/entry-statistics.js';
export { type EntryFormatter, type ExportFormat, EXPORT_FORMATS } from './export/export-formats.js';
export { LogReader } from './log/log-reader.js';
export { readSignedHead, type SignedHead } from './postgres/log-queries.js';
export { LogRetention, type RetentionReport } from './log/log-retention.js';
export type { TokenTrace } from './query/token-tracer.js';
export { TileDirectory, type LogSource } from './log/tile-directory.js';
export { verifyFolder, type VerifyFolderRequest } from './verify/verify-folder.js';
