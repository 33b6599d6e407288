import { Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { AuditMetrics } from '../metrics.js';
import { LogConnection } from '../postgres/log-connection.js';
import { AuditEntryEvents } from '../trail/audit-entry-events.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { ClockBound } from './clock-bound.js';
import { LogKeys } from './log-keys.js';
import { LogOrigin } from './log-origin.js';
import { LogTime } from './log-time.js';
import { RollbackDetector } from './rollback-detector.js';
import { Sequencer } from './sequencer.js';

/** What appending to the log and reading it have in common. */
@Module({
  imports: [DatabaseModule],
  providers: [
    AuditEntryEvents,
    AuditMetrics,
    CheckpointSigners,
    ClockBound,
    LogConnection,
    LogKeys,
    LogOrigin,
    LogTime,
    RollbackDetector,
    Sequencer,
  ],
  exports: [
    AuditEntryEvents,
    AuditMetrics,
    CheckpointSigners,
    ClockBound,
    LogConnection,
    LogKeys,
    LogOrigin,
    LogTime,
    RollbackDetector,
    Sequencer,
  ],
})
export class AuditLogCoreModule {}
