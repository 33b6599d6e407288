import type { MigrationInterface } from 'typeorm';
import { CreateMapping1795000000000 } from './create-mapping-1795000000000.js';

/** The migrations of the identity map, oldest first. */
export const identityMappingMigrations: (new () => MigrationInterface)[] = [
  CreateMapping1795000000000,
];

/** The privileges of the service's role. */
export const identityMappingGrants = [
  { table: 'mapping', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
  { table: 'mapping_orphan', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
] as const;
