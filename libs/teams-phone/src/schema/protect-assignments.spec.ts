import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { ASSIGNMENT_STATUSES, type AssignmentStatus } from '../assignment.js';

let database: TestDatabase;
let service: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  service = new pg.Client({ connectionString: database.serviceUrl });
  await service.connect();
});

afterAll(async () => {
  await service.end();
  await database.close();
});

const columnsOf = (status: AssignmentStatus): string =>
  `status = '${status}',
   lease_expires_at = ${['active', 'deleted'].includes(status) ? 'NULL' : 'now()'},
   deleted_at = ${status === 'deleted' ? 'now()' : 'NULL'}`;

/** Whether an assignment may change so; it is undone. */
async function isAllowed(from: AssignmentStatus, change: string): Promise<boolean> {
  const id = randomUUID();
  await service.query('BEGIN');
  try {
    await service.query(
      `INSERT INTO teams_phone_assignment (id, resource, tenant, object_id, principal_type, client_ids, status,
         version, created_at, updated_at, lease_expires_at)
       VALUES ('${id}', 'default', '${id}', '${id}', 'user', '{}', 'pending', 4, now(), now(), now())`,
    );
    const steps = { pending: [], active: ['active'], renewing: ['renewing'] } as const;
    const path = from === 'deleting' ? [from] : from === 'deleted' ? [from] : steps[from];
    const version = from === 'renewing' || from === 'deleting' ? ', version = version + 1' : '';
    for (const status of path) {
      await service.query(`UPDATE teams_phone_assignment SET ${columnsOf(status)}${version}`);
    }
    await service.query(`UPDATE teams_phone_assignment SET ${change}`);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ constraint: 'teams_phone_assignment_change' });
    return false;
  } finally {
    await service.query('ROLLBACK');
  }
}

describe('the role of the service', () => {
  it('makes the changes of assignments that the service makes, and no other', async () => {
    const allowed: string[] = [];
    for (const from of ASSIGNMENT_STATUSES) {
      for (const to of ASSIGNMENT_STATUSES) {
        for (const versions of [-1, 0, 1, 2]) {
          const change = `${columnsOf(to)}, version = version + ${versions}`;
          if (from === to && (versions === 0 || to === 'deleted')) continue;
          if (await isAllowed(from, change)) allowed.push(`${from} → ${to} ${versions}`);
        }
      }
    }
    expect(allowed.sort()).toEqual(
      [
        ...['pending → active 0', 'pending → deleted 0', 'renewing → pending 0'],
        ...['deleting → deleted 0', 'pending → pending 1', 'pending → renewing 1'],
        ...['pending → deleting 1', 'active → pending 1', 'active → renewing 1'],
        ...['active → deleting 1', 'renewing → renewing 1', 'renewing → deleting 1'],
      ].sort(),
    );
  });

  it('gives an assignment to no other applications without a new version', async () => {
    expect(await isAllowed('active', `client_ids = '{${randomUUID()}}'`)).toBe(false);
    expect(await isAllowed('active', `principal_type = 'teamsResourceAccount'`)).toBe(false);
    expect(await isAllowed('deleted', `updated_at = now()`)).toBe(true);
  });
});
