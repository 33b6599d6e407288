/**
 * The parts of the code whose mutants are tested, one part at a time: `npm run test:mutation -- <part>`.
 * `mutate` and `tests` are paths below the root; `needsDatabase` starts PostgreSQL for each runner.
 */
export const PARTS = {
  'token-verification': {
    mutate: ['libs/authentication/src/{jwt,entra,openid,keys}/*.ts'],
    tests: ['libs/authentication/**/*.spec.ts'],
    needsDatabase: true,
  },
  access: {
    mutate: ['libs/authentication/src/{access,http,rate-limit,audit,built-in}/*.ts'],
    tests: ['libs/authentication/**/*.spec.ts'],
    needsDatabase: true,
  },
  policy: {
    mutate: ['libs/token-issuance/src/policy/*.ts'],
    tests: ['libs/token-issuance/src/policy/*.spec.ts'],
    needsDatabase: false,
  },
  issuance: {
    mutate: ['libs/token-issuance/src/{issue,cache}/*.ts'],
    tests: ['libs/token-issuance/**/*.spec.ts'],
    needsDatabase: true,
  },
  budget: {
    mutate: ['libs/request-budget/src/window/*.ts'],
    tests: ['libs/request-budget/src/window/*.spec.ts'],
    needsDatabase: false,
  },
  entries: {
    mutate: ['libs/audit/src/{entry,fingerprints}/*.ts'],
    tests: ['libs/audit/src/{entry,fingerprints}/*.spec.ts'],
    needsDatabase: false,
  },
  append: {
    mutate: ['libs/audit/src/{trail,log,postgres}/*.ts'],
    tests: ['libs/audit/src/{trail,log,postgres}/*.spec.ts'],
    needsDatabase: true,
  },
  verification: {
    mutate: ['libs/audit/src/{verify,background}/*.ts', 'apps/cli/src/actions/audit/*.ts'],
    tests: ['libs/audit/src/{verify,background}/*.spec.ts', 'apps/cli/**/*.spec.ts'],
    needsDatabase: true,
  },
  'transparency-log': {
    mutate: ['libs/transparency-log/src/*.ts'],
    tests: ['libs/transparency-log/**/*.spec.ts'],
    needsDatabase: false,
  },
};

/** Tests and what only they use; wiring and declarations, where a mistake prevents the start. */
export const NOT_MUTATED = [
  '!**/*.{spec,contract}.ts',
  '!**/testing/**',
  '!**/testing.ts',
  '!**/{index,migrations}.ts',
  '!**/*.{module,d}.ts',
];
