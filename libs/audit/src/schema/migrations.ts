import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { AddSearchIndexes1798310000000 } from './add-search-indexes.js';
import { AddPipelinedAppend1797000000000 } from './add-pipelined-append.js';
import { AddSigningKeys1798000000000 } from './add-signing-keys.js';
import { AddVerification1798640000000 } from './add-verification.js';
import { AddWitnesses1799300000000 } from './add-witnesses.js';
import { CreateAuditLog1764000000001 } from './create-audit-log.js';
import { ProtectOwnerFunctions1798200000000 } from './protect-owner-functions.js';

/** The migrations of the log, in order. Run by the role that owns the schema, never by the service. */
export const auditMigrations: (new () => MigrationInterface)[] = [
  CreateAuditLog1764000000001,
  AddPipelinedAppend1797000000000,
  AddSigningKeys1798000000000,
  ProtectOwnerFunctions1798200000000,
  AddSearchIndexes1798310000000,
  AddVerification1798640000000,
  AddWitnesses1799300000000,
];

const WITNESS_FAILURE = [
  ...['failure', 'failure_detail', 'failing_since', 'failure_count', 'retry_at'],
];

/** The service adds rows to the log and never changes one. */
export const auditGrants: readonly TableGrant[] = [
  ...[
    'audit_entry',
    'audit_personal',
    'audit_head',
    'audit_tile',
    'audit_fingerprint_key',
    'audit_signing_keys',
    'audit_statistic',
    'audit_statistic_run',
  ].map((table) => ({ table, insert: 'all' as const })),
  {
    table: 'audit_verification',
    insert: ['part'],
    update: ['position', 'progress', 'pass_started_at', 'findings'],
  },
  {
    table: 'audit_cosigned_checkpoint',
    insert: ['size', 'cosignatures', 'has_quorum', 'cosigned_at'],
    update: ['cosignatures', 'has_quorum', 'cosigned_at'],
    delete: true,
  },
  {
    table: 'audit_witness',
    insert: ['name', 'cosigned_size', ...WITNESS_FAILURE],
    update: ['cosigned_size', ...WITNESS_FAILURE],
  },
  { table: 'audit_cosigning', update: ['lease_holder', 'lease_expires_at'] },
];

/**
 * Functions that the service's role may execute. The first two run with the rights of the owner; the
 * others are the steps of an append.
 */
export const auditFunctionGrants: readonly string[] = [
  'audit_create_partitions(integer)',
  'audit_erase_personal(timestamptz, bigint)',
  'audit_lock_head(integer)',
  'audit_begin_append(integer, bigint, bytea)',
  'audit_lock_head_at(bigint, bytea)',
  'audit_require_head(bigint, bytea)',
  'audit_expect(bigint, bigint)',
  // The indexes of searches call them for rows of older releases.
  'audit_facet(bytea)',
  'audit_search_ids(bytea)',
];
