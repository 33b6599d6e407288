import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';

let database: TestDatabase;
let service: pg.Client;
const invitation = randomUUID();
const unused = randomUUID();
const visitor = randomUUID();

beforeAll(async () => {
  database = await testDatabase();
  service = new pg.Client({ connectionString: database.serviceUrl });
  await service.connect();
  for (const id of [invitation, unused]) {
    await service.query(
      `INSERT INTO invitation (id, tenant, hash, key_version, meeting, scopes, max_uses, expires_at)
       VALUES ('${id}', 'contoso', sha256('x'), '1', 'review', '{voip.join}', 1, now() + interval '1 hour')`,
    );
  }
  await service.query(
    `INSERT INTO visitor (id, invitation_id, due_at) VALUES ('${visitor}', '${invitation}', now())`,
  );
  await service.query(`UPDATE visitor SET status = 'admitted'`);
  await service.query('UPDATE invitation SET ended_at = now()');
});

afterAll(async () => {
  await service.end();
  await database.close();
});

describe('the role of the service', () => {
  it.each([
    ['lets an invitation that has ended let visitors in', 'UPDATE invitation SET ended_at = NULL'],
    [
      'deletes an invitation that may let visitors in',
      `DELETE FROM invitation WHERE id = '${unused}'`,
    ],
    ['returns the use of a visitor with a token', `UPDATE visitor SET status = 'released'`],
    ['forgets a visitor whose identity is to be deleted', 'DELETE FROM visitor'],
  ])('never %s', async (_, statement) => {
    await expect(service.query(statement)).rejects.toMatchObject({ code: '23514' });
  });
});
