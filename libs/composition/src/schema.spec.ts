import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { auditGrants } from '#libs/audit';
import { auditDeliveryGrants } from '#libs/audit-delivery';
import { authenticationGrants } from '#libs/authentication';
import { identityMappingGrants } from '#libs/identity-mapping';
import { requestBudgetGrants } from '#libs/request-budget';
import { secretsGrants } from '#libs/secrets';
import { teamsPhoneGrants } from '#libs/teams-phone';
import { tokenIssuanceGrants } from '#libs/token-issuance';
import { visitorGrants } from '#libs/visitors';

const GRANTS = {
  ...{
    audit: auditGrants,
    'audit-delivery': auditDeliveryGrants,
    authentication: authenticationGrants,
  },
  ...{ 'identity-mapping': identityMappingGrants, 'request-budget': requestBudgetGrants },
  ...{ secrets: secretsGrants, 'teams-phone': teamsPhoneGrants },
  ...{ 'token-issuance': tokenIssuanceGrants, visitors: visitorGrants },
};
const OWNERS = new Map(
  Object.entries(GRANTS).flatMap(([library, grants]) =>
    grants.map(({ table }) => [table, library] as const),
  ),
);

/** The texts of the sources whose SQL is of this release, in production. */
function sourcesOf(library: string): readonly string[] {
  return globSync(`libs/${library}/src/**/*.ts`)
    .filter((path) => !/\/(schema|testing)\/|\.spec\.ts$/.test(path))
    .map((path) => readFileSync(path, 'utf8'));
}

it('gives each library the tables of libraries that it imports, but for mass revocations', () => {
  const others = Object.keys(GRANTS).flatMap((library) => {
    const source = sourcesOf(library).join('\n');
    const named = source.matchAll(/\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)/g);
    return [...new Set([...named].map(([, table = '']) => table))]
      .filter((table) => {
        const owner = OWNERS.get(table) ?? library;
        return owner !== library && !source.includes(`from '#libs/${owner}'`);
      })
      .map((table) => `${library}: ${table}`);
  });
  expect(others.sort()).toEqual(['teams-phone: mapping', 'teams-phone: revocation']);
});
