import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { MAPPING_COLUMNS, MUTABLE_COLUMNS } from '../store/mapping-columns.js';
import { CreateMapping1795000000000 } from './create-mapping-1795000000000.js';
import { AddNameSearch1799410000000 } from './add-name-search-1799410000000.js';
import { AddMassRevocation1799100000000 } from './add-mass-revocation-1799100000000.js';
import { AddRevocationOfInvitation1799430000000 } from './add-revocation-of-invitation-1799430000000.js';
import { AddTimeOfTargets1799450100000 } from './add-time-of-targets-1799450100000.js';
import { AddVisitorKind1799340000000 } from './add-visitor-kind-1799340000000.js';
import { IndexMappingsOwedByResource1799620000000 } from './index-mappings-owed-by-resource-1799620000000.js';
import { ProtectMapping1798100000000 } from './protect-mapping-1798100000000.js';
import { ProtectTargets1799510000000 } from './protect-targets-1799510000000.js';
import { OneMappingForAPerson1799700000000 } from './one-mapping-for-a-person-1799700000000.js';
import { SeparateOrphans1799500000000 } from './separate-orphans-1799500000000.js';

/** The migrations of the identity map, oldest first. */
export const identityMappingMigrations: (new () => MigrationInterface)[] = [
  CreateMapping1795000000000,
  ProtectMapping1798100000000,
  AddMassRevocation1799100000000,
  AddVisitorKind1799340000000,
  AddNameSearch1799410000000,
  AddRevocationOfInvitation1799430000000,
  AddTimeOfTargets1799450100000,
  SeparateOrphans1799500000000,
  ProtectTargets1799510000000,
  IndexMappingsOwedByResource1799620000000,
  OneMappingForAPerson1799700000000,
];

const LEASE = ['lease_holder', 'lease_expires_at'] as const;

/**
 * What identifies a mapping is written once; triggers refuse other changes than those that exist. The service
 * adds no additional mapping of a person.
 */
export const identityMappingGrants: readonly TableGrant[] = [
  {
    table: 'mapping',
    insert: [...MAPPING_COLUMNS.map(({ name }) => name), 'revoked_through', ...LEASE],
    update: [
      ...MUTABLE_COLUMNS.map(({ name }) => name),
      ...['revoked_through', 'tokens_since'],
      ...LEASE,
    ],
  },
  {
    table: 'mapping_orphan',
    insert: ['communication_user_id', 'mapping_id', ...LEASE],
    update: ['deleted_at', ...LEASE],
  },
  {
    table: 'revocation',
    insert: [
      ...['id', 'number', 'tenant', 'client_app', 'kind', 'resource', 'issued_before', 'reason'],
      ...['invitation', 'is_marking_assignments'],
    ],
    // `worked_at` is of replicas before this release, during an upgrade.
    update: [
      ...['identities', 'assignments', 'finished_at', 'worked_at', 'is_marking_assignments'],
      ...LEASE,
    ],
  },
  { table: 'revocation_target', insert: ['revocation_id', 'mapping_id'], delete: true },
];
