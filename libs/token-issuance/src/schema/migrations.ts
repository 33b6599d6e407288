import type { MigrationInterface } from 'typeorm';
import { CreateTokenIssuance1796000000000 } from './create-token-issuance-1796000000000.js';
import { IndexExpiredTokens1797000000000 } from './index-expired-tokens-1797000000000.js';

/** The migrations of token issuance, oldest first. They come after those of the identity map, whose table they reference. */
export const tokenIssuanceMigrations: (new () => MigrationInterface)[] = [
  CreateTokenIssuance1796000000000,
  IndexExpiredTokens1797000000000,
];

/** The privileges of the service's role. */
export const tokenIssuanceGrants = [
  { table: 'token_cache', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
  { table: 'token_quota', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
] as const;
