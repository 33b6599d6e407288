import { auditFunctionGrants, auditGrants, auditMigrations } from '#libs/audit';
import { auditDeliveryGrants, auditDeliveryMigrations } from '#libs/audit-delivery';
import { authenticationGrants, authenticationMigrations } from '#libs/authentication';
import { identityMappingGrants, identityMappingMigrations } from '#libs/identity-mapping';
import type { Queries, TableGrant } from '#libs/platform';
import { requestBudgetGrants, requestBudgetMigrations } from '#libs/request-budget';
import { teamsPhoneGrants, teamsPhoneMigrations } from '#libs/teams-phone';
import { secretsGrants, secretsMigrations } from '#libs/secrets';
import { visitorGrants, visitorMigrations } from '#libs/visitors';
import { tokenIssuanceGrants, tokenIssuanceMigrations } from '#libs/token-issuance';

/** Every migration of the service; the timestamps in their names give the order. */
export const serviceMigrations = [
  ...identityMappingMigrations,
  ...auditMigrations,
  ...tokenIssuanceMigrations,
  ...requestBudgetMigrations,
  ...authenticationMigrations,
  ...auditDeliveryMigrations,
  ...teamsPhoneMigrations,
  ...secretsMigrations,
  ...visitorMigrations,
];

/** All that the role may do with tables that the service works as. Includes reading each of them. */
export const serviceGrants: readonly TableGrant[] = [
  { table: 'schema_migration' },
  ...identityMappingGrants,
  ...auditGrants,
  ...tokenIssuanceGrants,
  ...requestBudgetGrants,
  ...authenticationGrants,
  ...auditDeliveryGrants,
  ...teamsPhoneGrants,
  ...secretsGrants,
  ...visitorGrants,
];

/** The functions that the same role may execute. */
export const serviceFunctionGrants: readonly string[] = auditFunctionGrants;

/** @returns the migrations of this release that the database does not have */
export async function missingMigrations(database: Queries): Promise<string[]> {
  const done = new Set(await recordedMigrations(database));
  return serviceMigrations.map(({ name }) => name).filter((name) => !done.has(name));
}

/** @returns the migrations that the database has and this release does not: a newer release has made them */
export async function newerMigrations(database: Queries): Promise<string[]> {
  const own = new Set(serviceMigrations.map(({ name }) => name));
  return (await recordedMigrations(database)).filter((name) => !own.has(name));
}

async function recordedMigrations(database: Queries): Promise<string[]> {
  const sql = 'SELECT name FROM schema_migration ORDER BY timestamp, name';
  return (await database.query<{ name: string }>(sql, [])).map(({ name }) => name);
}
