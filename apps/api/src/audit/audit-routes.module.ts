import { type DynamicModule, Module } from '@nestjs/common';
import { AuditHealthModule, AuditModule } from '#libs/audit';
import { AuditSinksModule } from '#libs/audit-delivery';
import { AuditController } from './audit.controller.js';
import { AuditHealthController } from './audit-health.controller.js';
import { auditLogSettings, type AuditLogSettings, type Environment } from '#libs/composition';
import { readSettings } from '#libs/platform';
import { EntryBundlesController } from './entry-bundles.controller.js';
import { LogController } from './log.controller.js';
import { PublicLogController } from './public-log.controller.js';

/**
 * The routes of the audit log.
 *
 * There are two controllers for the log's hashes, of which AUDIT_LOG_PUBLIC selects one, so that each
 * route declares exactly one access rule.
 */
@Module({})
export class AuditRoutesModule {
  static forRoot(environment: Environment): DynamicModule {
    const { AUDIT_LOG_PUBLIC } = environment;
    const values = readSettings([auditLogSettings], { AUDIT_LOG_PUBLIC });
    const { isPublic } = values.get(auditLogSettings.key) as AuditLogSettings; // read by its own schema
    return {
      module: AuditRoutesModule,
      imports: [AuditModule, AuditHealthModule, AuditSinksModule],
      controllers: [
        AuditController,
        AuditHealthController,
        EntryBundlesController,
        isPublic ? PublicLogController : LogController,
      ],
    };
  }
}
