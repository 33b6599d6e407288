export { AuditModule, AuditWitnessesModule } from './audit.module.js';
export { AuditHealthModule } from './health/audit-health.module.js';
export { PostgresAuditTrailModule } from './trail/postgres-audit-trail.module.js';
export { SecretTokenFingerprintsModule } from './fingerprints/secret-token-fingerprints.module.js';
export {
  auditSettings,
  isFitForNewLog,
  type AuditSettings,
  CREATED_AHEAD_MS,
  MAX_CLOCK_TOLERANCE_MS,
} from './settings.js';
export { auditWitnessSettings } from './witness/witness-settings.js';
export { auditFunctionGrants, auditGrants, auditMigrations } from './schema/migrations.js';
export { AuditEntryEvents, type CommittedEntry } from './trail/audit-entry-events.js';
export {
  AddressRangeTooWide,
  AuditEntryNotFound,
  CheckpointFileUnreadable,
  CheckpointNotWitnessed,
  AuditEntryRetired,
  AuditScopeExceeded,
  AuditUnavailable,
  ClockOutOfBounds,
  LogDamaged,
  LogOriginDiffers,
  LogOriginUnfit,
  UnusableSigningKey,
} from './errors.js';

// Recording
export {
  AUDIT_ACTIONS,
  AUDIT_OUTCOMES,
  type AuditAction,
  type BuiltInAuditAction,
  CUSTOM_AUDIT_ACTION_PATTERN,
  type CustomAuditAction,
  type AuditEvent,
  type AuditOutcome,
  type AuditTarget,
  type AuditedToken,
} from './trail/audit-event.js';
export { type Access, auditActorOf, recordingRefusal } from './trail/recording-refusal.js';
export { type AuditReceipt, AuditTrail, type RecordOptions } from './trail/audit-trail.js';
export {
  applyWrite,
  changesOf,
  type RowChange,
  together,
  type TransactionalWrite,
} from './trail/transactional-write.js';
export {
  type AggregateDetails,
  AggregatingRecorder,
  type AggregationOptions,
} from './trail/aggregating-recorder.js';
export { PostgresAuditTrail } from './trail/postgres-audit-trail.js';
export { recordedExport, recordedImport } from './trail/recorded-bulk-work.js';
export { type TokenFingerprint, TokenFingerprints } from './fingerprints/token-fingerprints.js';

// Reading and exporting
export type {
  AuditEntry,
  AuditEntryRecord,
  EntryActor,
  PersonalHashes,
} from './entry/audit-entry.js';
export {
  AuditLogService,
  type EntryParts,
  type EntryWithParts,
} from './query/audit-log.service.js';
export type { FollowedEntries, FollowOptions } from './query/entry-follower.js';
export { NewestEntries } from './query/newest-entries.js';
export { ReturnedValues } from './query/returned-values.js';
export { tryParseAuditEntry } from './entry/audit-entry.js';
export { AddressRange } from './query/address-range.js';
export { type EntryFilter, type EntryPage, type EntryQuery, listOf } from './query/entry-filter.js';
export type { StatisticBucket } from './query/statistic-bucket.js';
export type {
  StatisticCount,
  StatisticDimension,
  Statistics,
  StatisticsQuery,
} from './query/statistics-reader.js';
export {
  BEFORE_VALID_TOKENS,
  NEXT_ENTRIES_OF_CLIENT_APP,
  tokenRecipients,
} from './query/token-recipients.js';
export type { RecordedRevocation } from './query/recorded-revocations.js';
export type { TokenTrace, TracedToken, TracedTokenState } from './query/token-tracer.js';
export type { ExportChunk } from './export/entry-export.js';
export { EntryFeed, type EntryFeedPage } from './export/entry-feed.js';
export { type EntryFormatter, EXPORT_FORMATS, type ExportFormat } from './export/export-formats.js';

// The log for verifiers, and its maintenance
export { isRecordedDetail, isRecordedText } from './entry/encode-entry.js';
export { isRecordedName } from './entry/personal-values.js';
export { ClockBound, describeOffset, isBeyond, measureClock } from './log/clock-bound.js';
export { examineLog, examineLogKeys } from './log/examine-log.js';
export { LogContinuation } from './log/log-continuation.js';
export { LogKeys } from './log/log-keys.js';
export { readLogOrigin } from './log/log-origin.js';
export { measureNewestTime, newestTimeProblem } from './log/log-time.js';
export { LogReader } from './log/log-reader.js';
export { LogRetention, type RetentionReport } from './log/log-retention.js';
export { type LogSource, TileDirectory } from './log/tile-directory.js';
export { readSignedHead, type SignedHead } from './postgres/log-queries.js';
export {
  type AuditHealth,
  AuditOverview,
  type LogHealth,
  type PartHealth,
} from './health/audit-overview.js';
export type { WitnessHealth } from './health/witness-overview.js';
export { BackgroundVerifier } from './background/background-verifier.js';
export { checkOrReport } from './background/check-or-report.js';
export {
  type CheckedSlice,
  type Finding,
  type PartPosition,
  placesWithin,
  type VerifiedPart,
  VerifiedParts,
} from './background/verified-part.js';
export {
  entriesOfActions,
  RECORDED_ENTRY,
  type RecordedEntry,
  recordedNear,
  TIME_TOLERANCE_MS,
} from './recorded-tables/recorded-entries.js';
export type {
  RetainedEntries,
  RecordedTable,
  RowDifference,
  SliceRange,
} from './recorded-tables/recorded-table.js';
export { columnsDiffer, entriesByRow } from './recorded-tables/row-entries.js';
export { checkTable, type TableReport } from './recorded-tables/table-check.js';
export { RecordedTablePart } from './recorded-tables/recorded-table-part.js';
export type { AuditFault, AuditFaultKind } from './verify/audit-fault.js';
export {
  DatabaseVerifier,
  type VerifyReport,
  type VerifyRequest,
} from './verify/database-verifier.js';
export {
  checkWitnesses,
  type WitnessCheck,
  type WitnessRequirement,
} from './verify/witness-check.js';
export { readWitnessedCheckpoint } from './witness/cosigned-checkpoints.js';
export { oldestRetainedAt, retiredBelowIn } from './verify/retired-entries.js';
export { verifyFolder, type VerifyFolderRequest } from './verify/verify-folder.js';
