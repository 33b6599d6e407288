import type { MigrationInterface } from 'typeorm';
import { CreateMapping1795000000000 } from './create-mapping-1795000000000.js';

/** The schema of this part, oldest first. */
export const identityMappingMigrations: (new () => MigrationInterface)[] = [
  CreateMapping1795000000000,
];

/** What the service's own role may do. */
export const identityMappingGrants = [
  { table: 'mapping', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
  { table: 'mapping_orphan', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
] as const;
