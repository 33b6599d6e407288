import { Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { SecretsModule } from '#libs/secrets';
import { AuditLogCoreModule } from './log/audit-log-core.module.js';
import { AuditLogService } from './query/audit-log.service.js';
import { EntryExport } from './export/entry-export.js';
import { EntryRepository } from './query/entry-repository.js';
import { EntrySearch } from './query/entry-search.js';
import { EntryStatistics } from './query/entry-statistics.js';
import { LogMaintenance } from './log/maintenance.js';
import { LogReader } from './log/log-reader.js';
import { LogRetention } from './log/retention.js';
import { PersonalEraser } from './query/personal-eraser.js';
import { TokenTracer } from './query/token-trace.js';
import { DatabaseVerifier } from './verify/database-verifier.js';
import { SecretAccessAuditor } from './trail/secret-access-auditor.js';

/** Reads, proves, exports and maintains the audit log. `PostgresAuditTrailModule` writes it. */
@Module({
  imports: [DatabaseModule, SecretsModule, AuditLogCoreModule],
  providers: [
    EntryRepository,
    EntrySearch,
    EntryStatistics,
    EntryExport,
    LogReader,
    LogRetention,
    LogMaintenance,
    SecretAccessAuditor,
    TokenTracer,
    PersonalEraser,
    DatabaseVerifier,
    AuditLogService,
  ],
  exports: [AuditLogCoreModule, AuditLogService, LogReader, LogRetention, DatabaseVerifier],
})
export class AuditModule {}
