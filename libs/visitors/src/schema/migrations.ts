import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { CreateVisitors1799350000000 } from './create-visitors-1799350000000.js';
import { ProtectInvitations1799520000000 } from './protect-invitations-1799520000000.js';

/** The migrations of invitations and visitors, oldest first. */
export const visitorMigrations: readonly (new () => MigrationInterface)[] = [
  CreateVisitors1799350000000,
  ProtectInvitations1799520000000,
];

/** What an invitation gives, and whom it has let in, never changes. */
export const visitorGrants: readonly TableGrant[] = [
  {
    table: 'invitation',
    insert: [
      ...['id', 'tenant', 'hash', 'key_version', 'meeting', 'scopes', 'max_uses', 'expires_at'],
    ],
    update: ['uses', 'ended_at'],
    delete: true,
  },
  {
    table: 'visitor',
    insert: ['id', 'invitation_id', 'due_at'],
    update: ['status', 'due_at'],
    delete: true,
  },
];
