import type { MigrationInterface } from 'typeorm';
import { CreateRequestUsage1796000000000 } from './create-request-usage.js';

/** The schema of this part, oldest first. */
export const authenticationMigrations: (new () => MigrationInterface)[] = [
  CreateRequestUsage1796000000000,
];

/** What the service's own role may do. */
export const authenticationGrants = [
  { table: 'request_usage', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
] as const;
