import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { CreateSecretNotice1801000000000 } from './create-secret-notice.js';

/** Migrations of this library, oldest first. */
export const secretsMigrations: (new () => MigrationInterface)[] = [
  CreateSecretNotice1801000000000,
];

export const secretsGrants: readonly TableGrant[] = [
  { table: 'secret_notice', insert: 'all', update: ['version', 'noticed_at'] },
];
