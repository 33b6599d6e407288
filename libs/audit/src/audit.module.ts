import { Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { SecretsModule } from '#libs/secrets';
import { AuditDesk } from './audit-desk.js';
import { EntryExport } from './entry-export.js';
import { EntryRows } from './entry-rows.js';
import { EntrySearch } from './entry-search.js';
import { EntryStatistics } from './entry-statistics.js';
import { LogMaintenance } from './log-maintenance.js';
import { LogReader } from './log-reader.js';
import { LogRetention } from './log-retention.js';
import { PersonalEraser } from './personal-eraser.js';
import { TokenTracer } from './token-trace.js';
import { DatabaseVerifier } from './verify/database-verifier.js';
import { AuditMetrics } from './audit-metrics.js';
import { AuditTrail } from './audit-trail.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { LogAppender } from './log-appender.js';
import { LogWatch } from './log-watch.js';
import { PostgresAuditTrail } from './postgres-audit-trail.js';
import { SecretReadRecorder } from './secret-read-recorder.js';
import { SecretTokenFingerprints } from './secret-token-fingerprints.js';
import { TokenFingerprints } from './token-fingerprints.js';

/** The audit log, for whoever has something to record. */
@Module({
  imports: [DatabaseModule, SecretsModule],
  providers: [
    AuditMetrics,
    CheckpointSigners,
    LogAppender,
    LogWatch,
    { provide: AuditTrail, useClass: PostgresAuditTrail },
    { provide: TokenFingerprints, useClass: SecretTokenFingerprints },
    EntryRows,
    EntrySearch,
    EntryStatistics,
    EntryExport,
    LogReader,
    LogRetention,
    LogMaintenance,
    SecretReadRecorder,
    TokenTracer,
    PersonalEraser,
    DatabaseVerifier,
    AuditDesk,
  ],
  exports: [
    AuditTrail,
    TokenFingerprints,
    CheckpointSigners,
    AuditDesk,
    LogReader,
    LogRetention,
    DatabaseVerifier,
  ],
})
export class AuditModule {}
