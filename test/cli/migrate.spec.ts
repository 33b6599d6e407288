import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { testDatabase, type TestDatabase } from '../support/postgres.js';

const command = fileURLToPath(new URL('../../dist/bin/acs-identity.js', import.meta.url));

interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `acs-identity` as a process of its own. */
async function acsIdentity(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  const run = promisify(execFile)(process.execPath, [command, ...args], {
    env: { PATH: process.env.PATH, ...environment },
  });
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: unknown) => error as Ending, // execFile adds these members to its error
  );
}

describe('acs-identity migrate', () => {
  let place: TestDatabase;
  beforeAll(async () => {
    place = await testDatabase();
  });
  afterAll(async () => {
    await place.drop();
  });

  it('finds nothing to do on an up-to-date schema, also when two run at once', async () => {
    const args = [
      'migrate',
      '--database-url',
      place.ownerUrl,
      '--service-role',
      'identity_service',
    ];
    const endings = await Promise.all([acsIdentity(args), acsIdentity(args)]);
    for (const { code, stdout, stderr } of endings) {
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toContain('up to date');
    }
  });

  it('says how to create the service’s role when there is none', async () => {
    const { code, stderr } = await acsIdentity(['migrate'], {
      DATABASE_OWNER_URL: place.ownerUrl,
      DATABASE_SERVICE_ROLE: 'nobody_of_that_name',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('CREATE ROLE "nobody_of_that_name"');
    expect(stderr).not.toContain(place.ownerUrl);
  });

  it('says which options are missing', async () => {
    const { code, stderr } = await acsIdentity(['migrate']);
    expect(code).toBe(1);
    expect(stderr).toContain('--database-url');
  });

  it('leaves the service’s role no way to change what the audit log holds', async () => {
    const client = new pg.Client({ connectionString: place.serviceUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string }>(
        `SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 'audit%'`,
      );
      expect(rows.length).toBeGreaterThan(3);
      for (const { name } of rows) {
        for (const statement of [`DELETE FROM ${name}`, `TRUNCATE ${name}`, `DROP TABLE ${name}`]) {
          await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
        }
      }
      await expect(client.query('UPDATE audit_entry SET outcome = outcome')).rejects.toMatchObject({
        code: '42501',
      });
      await expect(client.query('CREATE TABLE mine ()')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.end();
    }
  });
});

describe('acs-identity config', () => {
  it('check: finds a complete environment well-formed', async () => {
    const { code, stdout } = await acsIdentity(['config', 'check'], { ...placeholderEnvironment });
    expect(code).toBe(0);
    expect(stdout).toContain('complete');
  });

  it('check: lists every fault with its fix and exits with 78', async () => {
    const { code, stderr } = await acsIdentity(['config', 'check'], { PORT: 'eighty' });
    expect(code).toBe(78);
    expect(stderr).toContain('PORT');
    expect(stderr).toContain('DATABASE_URL: is not set');
    expect(stderr).not.toContain('eighty');
  });

  it('list: names every variable with its default', async () => {
    const { stdout } = await acsIdentity(['config', 'list']);
    expect(stdout).toContain('PORT (default 3000)');
    expect(stdout).toContain('DATABASE_URL (required)');
  });
});

describe('acs-identity', () => {
  it('--help lists the commands', async () => {
    const { code, stdout } = await acsIdentity(['--help']);
    expect(code).toBe(0);
    for (const name of ['migrate', 'config']) expect(stdout).toContain(name);
  });

  it('answers an unknown command with its help and exits with 1', async () => {
    const { code, stderr } = await acsIdentity(['conquer']);
    expect(code).toBe(1);
    expect(stderr).toContain('Usage: acs-identity');
  });
});
