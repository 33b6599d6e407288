import { Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { SecretsModule } from '#libs/secrets';
import { AuditLogService } from './query/audit-log.service.js';
import { EntryExport } from './export/entry-export.js';
import { EntryRepository } from './query/entry-repository.js';
import { EntrySearch } from './query/entry-search.js';
import { EntryStatistics } from './query/entry-statistics.js';
import { LogMaintenance } from './log/log-maintenance.js';
import { LogReader } from './log/log-reader.js';
import { LogRetention } from './log/log-retention.js';
import { PersonalDataEraser } from './query/personal-data-eraser.js';
import { TokenTracer } from './query/token-tracer.js';
import { DatabaseVerifier } from './verify/database-verifier.js';
import { AuditMetrics } from './metrics.js';
import { AuditTrail } from './trail/audit-trail.js';
import { CheckpointSigners } from './log/checkpoint-signers.js';
import { Sequencer } from './log/sequencer.js';
import { RollbackDetector } from './log/rollback-detector.js';
import { PostgresAuditTrail } from './trail/postgres-audit-trail.js';
import { SecretAccessAuditor } from './trail/secret-access-auditor.js';
import { SecretTokenFingerprints } from './fingerprints/secret-token-fingerprints.js';
import { TokenFingerprints } from './fingerprints/token-fingerprints.js';

/** The audit log, for whoever has something to record. */
@Module({
  imports: [DatabaseModule, SecretsModule],
  providers: [
    AuditMetrics,
    CheckpointSigners,
    Sequencer,
    RollbackDetector,
    { provide: AuditTrail, useClass: PostgresAuditTrail },
    { provide: TokenFingerprints, useClass: SecretTokenFingerprints },
    EntryRepository,
    EntrySearch,
    EntryStatistics,
    EntryExport,
    LogReader,
    LogRetention,
    LogMaintenance,
    SecretAccessAuditor,
    TokenTracer,
    PersonalDataEraser,
    DatabaseVerifier,
    AuditLogService,
  ],
  exports: [
    AuditTrail,
    TokenFingerprints,
    CheckpointSigners,
    AuditLogService,
    LogReader,
    LogRetention,
    DatabaseVerifier,
  ],
})
export class AuditModule {}
