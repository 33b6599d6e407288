import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { AddMassRenewal1799600000000 } from './add-mass-renewal-1799600000000.js';
import { AddRenewal1799420000000 } from './add-renewal-1799420000000.js';
import { IndexOwedByResource1799610000000 } from './index-owed-by-resource-1799610000000.js';
import { CreateTeamsPhoneAssignment1799200000000 } from './create-teams-phone-assignment-1799200000000.js';
import { ProtectAssignments1799530000000 } from './protect-assignments-1799530000000.js';

/** The migrations of the assignments, oldest first. */
export const teamsPhoneMigrations: readonly (new () => MigrationInterface)[] = [
  CreateTeamsPhoneAssignment1799200000000,
  AddRenewal1799420000000,
  ProtectAssignments1799530000000,
  AddMassRenewal1799600000000,
  IndexOwedByResource1799610000000,
];

const LEASE = ['lease_holder', 'lease_expires_at'] as const;
const CONTENT = ['principal_type', 'client_ids', 'status', 'version', 'updated_at'] as const;

/** Whose an assignment is never changes. */
export const teamsPhoneGrants: readonly TableGrant[] = [
  {
    table: 'teams_phone_assignment',
    insert: [
      ...['id', 'resource', 'tenant', 'object_id', 'created_at', 'lease_expires_at'],
      ...CONTENT,
      'renewed_through',
    ],
    update: [...CONTENT, ...LEASE, 'deleted_at', 'renewed_through'],
  },
];
