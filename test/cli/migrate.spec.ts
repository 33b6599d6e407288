import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acsIdentity } from '../support/acs-identity.js';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';

describe('acs-identity migrate', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(async () => {
    await database.drop();
  });

  it('changes nothing when the schema is up to date, also when two run at once', async () => {
    const args = [
      'migrate',
      '--database-url',
      database.ownerUrl,
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

  it('prints how to create the service’s role when it is missing', async () => {
    const { code, stderr } = await acsIdentity(['migrate'], {
      environment: {
        DATABASE_OWNER_URL: database.ownerUrl,
        DATABASE_SERVICE_ROLE: 'missing_role',
      },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('CREATE ROLE "missing_role"');
    expect(stderr).not.toContain(database.ownerUrl);
  });

  it('names the missing options', async () => {
    const { code, stderr } = await acsIdentity(['migrate']);
    expect(code).toBe(1);
    expect(stderr).toContain('--database-url');
  });

  it('grants the service’s role no change of the audit log', async () => {
    const client = new pg.Client({ connectionString: database.serviceUrl });
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
