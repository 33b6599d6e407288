import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { DatabaseModule } from '#libs/platform';
import { AuditDelivery } from './delivery/audit-delivery.js';
import { SinkBatches } from './delivery/sink-batches.js';
import { SinkCursors } from './delivery/sink-cursors.js';
import { SinkOverview } from './delivery/sink-overview.js';
import { SinkMetrics } from './metrics.js';
import { ConfiguredSinks } from './sinks/configured-sinks.js';

/** The sinks and their state, without the delivery: for commands. */
@Module({
  imports: [DatabaseModule, AuditModule],
  providers: [ConfiguredSinks, SinkCursors, SinkOverview],
  exports: [ConfiguredSinks, SinkCursors, SinkOverview],
})
export class AuditSinksModule {}

/** Delivers the audit log to the sinks of `AUDIT_SINKS_FILE`. */
@Module({
  imports: [AuditModule, AuditSinksModule],
  providers: [SinkBatches, SinkMetrics, AuditDelivery],
})
export class AuditDeliveryModule {}
