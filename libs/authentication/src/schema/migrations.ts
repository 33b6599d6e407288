import type { MigrationInterface } from 'typeorm';
import { CreateRequestUsage1796000000000 } from './create-request-usage.js';

/** Migrations of this library, oldest first. */
export const authenticationMigrations: (new () => MigrationInterface)[] = [
  CreateRequestUsage1796000000000,
];

/** Privileges of the service's database role. */
export const authenticationGrants = [
  { table: 'request_usage', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
] as const;
