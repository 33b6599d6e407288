import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { CreateRequestUsage1796000000000 } from './create-request-usage.js';

/** Migrations of this library, oldest first. */
export const authenticationMigrations: (new () => MigrationInterface)[] = [
  CreateRequestUsage1796000000000,
];

export const authenticationGrants: readonly TableGrant[] = [
  { table: 'request_usage', insert: 'all', update: ['used'], delete: true },
];
