import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { CreateAuditSink1799000000000 } from './create-audit-sink-1799000000000.js';

/** Migrations of the delivery, oldest first. */
export const auditDeliveryMigrations: readonly (new () => MigrationInterface)[] = [
  CreateAuditSink1799000000000,
];

export const auditDeliveryGrants: readonly TableGrant[] = [
  {
    table: 'audit_sink',
    insert: ['name', 'next_index'],
    update: [
      ...['next_index', 'lease_holder', 'lease_expires_at', 'delivered_at'],
      ...['failure', 'failure_detail', 'failing_since', 'failure_count', 'retry_at'],
    ],
  },
];
