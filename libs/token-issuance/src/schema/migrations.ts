import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { CreateTokenIssuance1796000000000 } from './create-token-issuance-1796000000000.js';
import { IndexExpiredTokens1797000000000 } from './index-expired-tokens-1797000000000.js';

/** The migrations of token issuance, oldest first. They come after those of the identity map, whose table they reference. */
export const tokenIssuanceMigrations: (new () => MigrationInterface)[] = [
  CreateTokenIssuance1796000000000,
  IndexExpiredTokens1797000000000,
];

export const tokenIssuanceGrants: readonly TableGrant[] = [
  {
    table: 'token_cache',
    insert: 'all',
    update: [
      ...['token_generation', 'policy_version', 'sealed', 'wrapped_key', 'key_version'],
      ...['expires_on', 'reusable_until', 'fingerprint', 'fingerprint_key', 'secret_version'],
    ],
    delete: true,
  },
  { table: 'token_quota', insert: 'all', update: ['issued_at'], delete: true },
];
