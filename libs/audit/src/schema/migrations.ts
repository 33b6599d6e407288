import type { MigrationInterface } from 'typeorm';
import { AddPipelinedAppend1797000000000 } from './add-pipelined-append.js';
import { AddSigningKeys1798000000000 } from './add-signing-keys.js';
import { CreateAuditLog1764000000001 } from './create-audit-log.js';

/** The migrations of the log, in order. Run by the role that owns the schema, never by the service. */
export const auditMigrations: (new () => MigrationInterface)[] = [
  CreateAuditLog1764000000001,
  AddPipelinedAppend1797000000000,
  AddSigningKeys1798000000000,
];

/** The privileges of the service's role: it may add and read rows. */
export const auditGrants: readonly {
  readonly table: string;
  readonly privileges: readonly ('SELECT' | 'INSERT' | 'UPDATE' | 'DELETE')[];
}[] = [
  'audit_entry',
  'audit_personal',
  'audit_head',
  'audit_tile',
  'audit_fingerprint_key',
  'audit_signing_keys',
  'audit_statistic',
  'audit_statistic_run',
].map((table) => ({ table, privileges: ['SELECT', 'INSERT'] }));

/** Functions that the service's role may execute; they run with the rights of the owner. */
export const auditFunctionGrants: readonly string[] = [
  'audit_create_partitions(integer)',
  'audit_erase_personal(timestamptz, bigint)',
];
