import type { MigrationInterface } from 'typeorm';
import { CreateAuditLog1764000000001 } from './create-audit-log.js';

/** The schema of the log, in order. Run by the role that owns it, never by the service. */
export const auditMigrations: (new () => MigrationInterface)[] = [CreateAuditLog1764000000001];
