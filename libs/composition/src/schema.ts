import { auditFunctionGrants, auditGrants, auditMigrations } from '#libs/audit';
import { authenticationGrants, authenticationMigrations } from '#libs/authentication';
import { identityMappingGrants, identityMappingMigrations } from '#libs/identity-mapping';
import { requestBudgetGrants, requestBudgetMigrations } from '#libs/request-budget';
import { tokenIssuanceGrants, tokenIssuanceMigrations } from '#libs/token-issuance';

/** Every migration of the service; the timestamps in their names give the order. */
export const serviceMigrations = [
  ...identityMappingMigrations,
  ...auditMigrations,
  ...tokenIssuanceMigrations,
  ...requestBudgetMigrations,
  ...authenticationMigrations,
];

/** All that the role may do that the service works as. */
export const serviceGrants: readonly { table: string; privileges: readonly string[] }[] = [
  { table: 'schema_migration', privileges: ['SELECT'] },
  ...identityMappingGrants,
  ...auditGrants,
  ...tokenIssuanceGrants,
  ...requestBudgetGrants,
  ...authenticationGrants,
];

/** The functions with the owner's rights that the same role may execute. */
export const serviceFunctionGrants: readonly string[] = auditFunctionGrants;
