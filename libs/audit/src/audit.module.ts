import { Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { SecretsModule } from '#libs/secrets';
import { AuditMetrics } from './audit-metrics.js';
import { AuditTrail } from './audit-trail.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { LogAppender } from './log-appender.js';
import { LogWatch } from './log-watch.js';
import { PostgresAuditTrail } from './postgres-audit-trail.js';
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
  ],
  exports: [AuditTrail, TokenFingerprints, CheckpointSigners],
})
export class AuditModule {}
