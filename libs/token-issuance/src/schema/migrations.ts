import type { MigrationInterface } from 'typeorm';
import { CreateTokenIssuance1796000000000 } from './create-token-issuance-1796000000000.js';

/** The schema of this part, oldest first. After that of identity-mapping, whose rows it watches. */
export const tokenIssuanceMigrations: (new () => MigrationInterface)[] = [
  CreateTokenIssuance1796000000000,
];

/** What the service's own role may do. */
export const tokenIssuanceGrants = [
  { table: 'token_cache', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
  { table: 'token_quota', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
] as const;
