import { Global, Module } from '@nestjs/common';
import { AuditLogCoreModule } from '../log/audit-log-core.module.js';
import { AuditTrail } from './audit-trail.js';
import { PostgresAuditTrail } from './postgres-audit-trail.js';

/**
 * Binds `AuditTrail` to PostgreSQL.
 *
 * One unit with the store of the mappings: a mapping changes in the transaction that appends its
 * entry, so both are replaced together.
 */
@Global()
@Module({
  imports: [AuditLogCoreModule],
  providers: [{ provide: AuditTrail, useClass: PostgresAuditTrail }],
  exports: [AuditTrail],
})
export class PostgresAuditTrailModule {}
