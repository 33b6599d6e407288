import { Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { SecretAccessModule } from '#libs/secrets';
import { BackgroundVerifier } from './background/background-verifier.js';
import { FindingRecorder } from './background/finding-recorder.js';
import { LogPart } from './background/log-part.js';
import { RecordedFindings } from './background/recorded-findings.js';
import { StatisticsPart } from './background/statistics-part.js';
import { VerificationMetrics } from './background/verification-metrics.js';
import { VerifiedParts } from './background/verified-part.js';
import { AuditLogCoreModule } from './log/audit-log-core.module.js';
import { AuditLogService } from './query/audit-log.service.js';
import { EntryExport } from './export/entry-export.js';
import { EntryCounter } from './query/entry-counter.js';
import { EntryFacets } from './query/entry-facets.js';
import { EntryFeed } from './export/entry-feed.js';
import { EntryRepository } from './query/entry-repository.js';
import { EntrySearch } from './query/entry-search.js';
import { EntryStatistics } from './query/entry-statistics.js';
import { LogContinuation } from './log/log-continuation.js';
import { LogMaintenance } from './log/log-maintenance.js';
import { LogReader } from './log/log-reader.js';
import { LogRetention } from './log/log-retention.js';
import { NewestEntries } from './query/newest-entries.js';
import { PersonalDataEraser } from './query/personal-data-eraser.js';
import { ReturnedValues } from './query/returned-values.js';
import { StatisticsReader } from './query/statistics-reader.js';
import { RecordedRevocations } from './query/recorded-revocations.js';
import { TokenTracer } from './query/token-tracer.js';
import { CheckpointCosigning } from './witness/checkpoint-cosigning.js';
import { CosignedCheckpoints } from './witness/cosigned-checkpoints.js';
import { WitnessMetrics } from './witness/witness-metrics.js';
import { WitnessStates } from './witness/witness-states.js';
import { DatabaseVerifier } from './verify/database-verifier.js';
import { SecretAccessAuditor } from './trail/secret-access-auditor.js';

/** Reads, proves, exports and maintains the audit log. `PostgresAuditTrailModule` writes it. */
@Module({
  imports: [DatabaseModule, SecretAccessModule, AuditLogCoreModule],
  providers: [
    EntryRepository,
    EntryFacets,
    EntrySearch,
    EntryStatistics,
    EntryCounter,
    StatisticsReader,
    EntryExport,
    EntryFeed,
    NewestEntries,
    CosignedCheckpoints,
    LogReader,
    LogContinuation,
    LogRetention,
    LogMaintenance,
    SecretAccessAuditor,
    RecordedRevocations,
    TokenTracer,
    PersonalDataEraser,
    ReturnedValues,
    DatabaseVerifier,
    VerifiedParts,
    LogPart,
    StatisticsPart,
    VerificationMetrics,
    RecordedFindings,
    FindingRecorder,
    BackgroundVerifier,
    AuditLogService,
  ],
  exports: [
    AuditLogCoreModule,
    AuditLogService,
    EntryFeed,
    NewestEntries,
    LogReader,
    LogContinuation,
    LogRetention,
    ReturnedValues,
    DatabaseVerifier,
    VerifiedParts,
  ],
})
export class AuditModule {}

/** Has checkpoints cosigned by the witnesses of `AUDIT_WITNESS_POLICY_FILE`. */
@Module({
  imports: [DatabaseModule, AuditModule],
  providers: [CosignedCheckpoints, WitnessStates, WitnessMetrics, CheckpointCosigning],
})
export class AuditWitnessesModule {}
