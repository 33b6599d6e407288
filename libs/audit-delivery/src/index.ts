export { AuditDeliveryModule, AuditSinksModule } from './audit-delivery.module.js';
export { ConfiguredSinks } from './sinks/configured-sinks.js';
export { receiverAddress } from './config/sinks-document.js';
export { auditDeliverySettings, type AuditDeliverySettings } from './settings.js';
export { auditDeliveryGrants, auditDeliveryMigrations } from './schema/migrations.js';
export { SinkOverview, type SinkStatus } from './delivery/sink-overview.js';
export { SinkFailure } from './delivery/sink.js';
export { AZURE_MONITOR_COLUMNS } from './sinks/azure-monitor-row.js';
