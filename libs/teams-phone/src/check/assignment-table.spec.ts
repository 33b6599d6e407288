import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CREATED_AHEAD_MS, RecordedTablePart } from '#libs/audit';
import { openTestLog, type TestLog, TestVerifier } from '#libs/audit/testing';
import {
  CommunicationResources,
  TeamsPhoneAssignmentRefused,
  UpstreamUnavailable,
} from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { type Guid, ReadingDatabase } from '#libs/platform';
import { newGuid, testDatabase, type TestDatabase } from '#libs/platform/testing';
import type { Assignment } from '../assignment.js';
import type { AssignmentSelection } from '../store/assignment-store.js';
import { awaitsRenewal } from '../store/revocation-statements.js';
import { PostgresAssignmentStore } from '../store/postgres-assignment-store.js';
import { wireTeamsPhone } from '../testing/wire-teams-phone.js';
import { isConcerned, type StoredAssignment } from './assignment-comparison.js';
import { AssignmentTable } from './assignment-table.js';

const context = { actor: { kind: 'operator', name: 'spec' } } as const;
const tenant = newGuid();
const [app, other] = [newGuid(), newGuid()];
const acs = { name: 'default', endpoint: 'https://acs.example', immutableResourceId: newGuid() };
const resources = new CommunicationResources([{ ...acs, tenants: [] }], 'default');

let database: TestDatabase;
let log: TestLog;
let store: PostgresAssignmentStore;
let gateway: MemoryCommunicationIdentityGateway;
let services: ReturnType<typeof wireTeamsPhone>;
let verifier: TestVerifier;
let superuser: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  const { clock, logger, trail: audit } = log;
  store = new PostgresAssignmentStore(log.database, log.get(ReadingDatabase));
  gateway = new MemoryCommunicationIdentityGateway(resources, clock);
  services = wireTeamsPhone({ store, gateway, audit, resources, clock, logger });
  verifier = new TestVerifier(log, [new RecordedTablePart(new AssignmentTable())]);
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
});

afterAll(async () => {
  await superuser.end();
  await log.close();
  await database.close();
});

async function put(clientIds: readonly Guid[] = [app], objectId = newGuid()): Promise<Assignment> {
  const wanted = { tenant, objectId, principalType: 'user', clientIds } as const;
  return (await services.assignments.put(wanted, context)).assignment;
}

/** Begins the revocation of tokens under assignments, as a mass revocation does. */
async function renew(selection: AssignmentSelection): Promise<void> {
  const { clientId, tenant: ofTenant } = selection;
  const details = { revocation: randomUUID(), ...(clientId && { clientApp: clientId }) };
  const event = { action: 'revocation.start', outcome: 'success', ...context, details } as const;
  await log.trail.record(
    { ...event, ...(ofTenant && { target: { tenant: ofTenant } }) },
    async (transaction) => {
      await transaction.query(
        `INSERT INTO revocation (id, number, tenant, client_app, reason, is_marking_assignments)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, 'a test', true FROM revocation`,
        [details.revocation, ofTenant, clientId],
      );
    },
  );
  expect(await found()).toEqual([]);
  await store.markRenewals();
}

async function found(): Promise<string[]> {
  await verifier.pass();
  return (await verifier.findings()).map(({ kind, detail }) => `${kind} ${detail}`);
}

const differs = ({ id }: Assignment, column: string): unknown =>
  expect.stringMatching(`^column-differs assignment ${id}: ${column} `);

async function restore(): Promise<void> {
  await superuser.query(
    'DELETE FROM teams_phone_assignment; INSERT INTO teams_phone_assignment SELECT * FROM kept',
  );
}

describe('the background verification of assignments', () => {
  let assigned: Assignment;

  beforeAll(async () => {
    assigned = await put();
    await put([app, other], (await put()).objectId);
    await put([other], (await put([app, other])).objectId);
    await services.assignments.delete(await put(), context);
    await put([], (await put()).objectId);
    gateway.failNext('unassign', new UpstreamUnavailable());
    await services.assignments.delete(await put(), context);
    gateway.failNext('assign', new UpstreamUnavailable());
    await put();
    const person = await put();
    const target = { tenant, subject: person.objectId };
    await log.trail.record(
      {
        ...{ action: 'token.revoke', outcome: 'success', ...context, target },
        details: { stage: 'requested' },
      },
      store.renew(person),
    );
    await services.renewal.carryOut(target);
    const refused = new TeamsPhoneAssignmentRefused();
    gateway.failNext('assign', refused);
    await expect(put()).rejects.toThrow(TeamsPhoneAssignmentRefused);
    const { objectId } = await put();
    gateway.failNext('assign', refused);
    await expect(put([other, app], objectId)).rejects.toThrow(TeamsPhoneAssignmentRefused);
  });

  beforeEach(async () => {
    await superuser.query('DROP TABLE IF EXISTS kept');
    await superuser.query('CREATE TEMP TABLE kept AS SELECT * FROM teams_phone_assignment');
  });

  it('finds nothing in assignments that are as the log recorded them', async () => {
    expect(await found()).toEqual([]);
  });

  it.each([
    ['the applications', 'client_ids', `client_ids = '{${newGuid()}}'`],
    ['the type of the principal', 'principal_type', `principal_type = 'teamsResourceAccount'`],
    ['the ACS resource', 'resource', `resource = 'elsewhere'`],
    ['the tenant', 'tenant', `tenant = '${newGuid()}'`],
    ['the state', 'status', `status = 'deleting', lease_expires_at = now()`],
    ['the version', 'version', 'version = 0'],
    ['the age', 'created_at', `created_at = 'infinity'`],
  ])('finds an edit of %s within one pass', async (_, column, assignment) => {
    await superuser.query(
      'ALTER TABLE teams_phone_assignment DROP CONSTRAINT IF EXISTS teams_phone_assignment_version_check',
    );
    await superuser.query(
      `UPDATE teams_phone_assignment SET ${assignment} WHERE id = '${assigned.id}'`,
    );
    expect(await found()).toContainEqual(differs(assigned, column));
    await restore();
    expect(await found()).toEqual([]);
  });

  it('finds one that was given to another person, and one that was deleted', async () => {
    await superuser.query(
      `UPDATE teams_phone_assignment SET object_id = '${newGuid()}' WHERE id = '${assigned.id}'`,
    );
    const gone = await put();
    await superuser.query(`DELETE FROM teams_phone_assignment WHERE id = '${gone.id}'`);
    expect((await found()).sort()).toEqual([
      expect.stringMatching(`^row-missing assignment ${gone.id}`),
      expect.stringMatching(`^row-missing assignment ${gone.id}`),
      expect.stringMatching(`^row-unrecorded assignment ${assigned.id}`),
    ]);
    await superuser.query(
      `INSERT INTO kept (id, resource, tenant, object_id, principal_type, client_ids, status, version, renewed_through, created_at, updated_at)
       VALUES ('${gone.id}', 'default', '${tenant}', '${gone.objectId}', 'user', '{${app}}', 'active', 1, 0, now(), now())`,
    );
    await restore();
    expect(await found()).toEqual([]);
  });

  it('finds one that was deleted, and lets its principal get tokens again', async () => {
    const deleted = await put();
    await services.assignments.delete(deleted, context);
    await superuser.query(
      `UPDATE teams_phone_assignment SET status = 'active', deleted_at = NULL WHERE id = '${deleted.id}'`,
    );
    expect(await found()).toEqual([differs(deleted, 'status')]);
    await services.assignments.delete(deleted, context);
    expect(await found()).toEqual([]);
  });

  it.each([
    ['as one that ACS has confirmed', 'status', ''],
    ['as one that never began', 'version', ', version = version - 1'],
  ])('finds a revocation whose renewal was edited %s', async (_, column, undone) => {
    await renew({ tenant });
    expect(await found()).toEqual([]);
    await superuser.query('DROP TABLE kept');
    await superuser.query('CREATE TEMP TABLE kept AS SELECT * FROM teams_phone_assignment');
    await superuser.query(
      `UPDATE teams_phone_assignment SET status = 'active', lease_expires_at = NULL${undone} WHERE id = '${assigned.id}'`,
    );
    expect(await found()).toEqual([differs(assigned, column)]);
    await restore();
    await services.recovery.sweep();
    expect(await found()).toEqual([]);
  });

  it('finds nothing after a revocation that does not concern an assignment', async () => {
    await renew({ clientId: newGuid() });
    await renew({ tenant: newGuid() });
    await services.recovery.sweep();
    expect(await found()).toEqual([]);
  });
});

it('carries an assignment out whose lease ends later than any of the service', async () => {
  gateway.failNext('assign', new UpstreamUnavailable());
  const { id } = await put();
  await superuser.query(
    `UPDATE teams_phone_assignment
     SET lease_holder = gen_random_uuid(), lease_expires_at = 'infinity' WHERE id = $1`,
    [id],
  );
  await services.recovery.sweep();
  const { rows } = await superuser.query(
    'SELECT status FROM teams_phone_assignment WHERE id = $1',
    [id],
  );
  expect(rows).toEqual([{ status: 'active' }]);
});

describe('the condition under which a mass revocation concerns an assignment', () => {
  const CREATED_MS = Date.parse('2026-11-26T12:00:00.000Z');
  const stored = {
    ...{ id: randomUUID(), resource: 'default', tenant, objectId: newGuid(), version: 1 },
    ...{ principalType: 'user', clientIds: [app], status: 'active', renewedThrough: 0 },
    createdMs: String(CREATED_MS),
  } satisfies StoredAssignment;

  interface Filter {
    readonly tenant?: string;
    readonly resource?: string;
    readonly clientApp?: string;
    readonly issuedBeforeMs?: number;
  }

  /** By the statements that renew: the assignment and a mass revocation are added, and taken back. */
  async function isConcernedInSql(row: StoredAssignment, filter: Filter): Promise<boolean> {
    const { issuedBeforeMs } = filter;
    await superuser.query('BEGIN');
    try {
      await superuser.query(
        `INSERT INTO revocation
           (id, number, tenant, resource, client_app, issued_before, reason, is_marking_assignments)
         SELECT gen_random_uuid(), coalesce(max(number), 0) + 1, $1, $2, $3, $4, 'a test', true
         FROM revocation`,
        [
          ...[filter.tenant, filter.resource, filter.clientApp],
          issuedBeforeMs === undefined ? undefined : new Date(issuedBeforeMs),
        ],
      );
      const { rows } = await superuser.query<{ isAwaiting: boolean }>(
        `INSERT INTO teams_phone_assignment AS a (id, resource, tenant, object_id, principal_type, client_ids,
           status, version, renewed_through, created_at, updated_at, lease_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT max(number) - 1 FROM revocation),
           to_timestamp($9 / 1000.0), now(), CASE WHEN $7 = 'renewing' THEN now() END)
         RETURNING ${awaitsRenewal('a')} AS "isAwaiting"`,
        [
          ...[row.id, row.resource, row.tenant, row.objectId, row.principalType, row.clientIds],
          ...[row.status, row.version, CREATED_MS],
        ],
      );
      return rows[0]?.isAwaiting === true;
    } finally {
      await superuser.query('ROLLBACK');
    }
  }

  it.each<[what: string, isConcerned: boolean, filter: Filter, row?: Partial<StoredAssignment>]>([
    ['all tokens', true, {}],
    ['its tenant', true, { tenant }],
    ['another tenant', false, { tenant: newGuid() }],
    ['its ACS resource', true, { resource: 'default' }],
    ['another ACS resource', false, { resource: 'elsewhere' }],
    ['one of its applications', true, { clientApp: app }],
    ['another application', false, { clientApp: other }],
    ['an application, and it has none', true, { clientApp: other }, { clientIds: [] }],
    ['another application while it is renewed', true, { clientApp: other }, { status: 'renewing' }],
    ['tokens of a later time', true, { issuedBeforeMs: CREATED_MS + 1 }],
    ['tokens within the margin', true, { issuedBeforeMs: CREATED_MS - CREATED_AHEAD_MS + 1 }],
    ['tokens before the margin', false, { issuedBeforeMs: CREATED_MS - CREATED_AHEAD_MS }],
  ])('is the same in SQL and against the log: %s', async (_, expected, filter, changed) => {
    const row = { ...stored, ...changed };
    const { tenant: ofTenant, resource, clientApp, issuedBeforeMs } = filter;
    const details = {
      ...(resource && { resource }),
      ...(clientApp && { clientApp }),
      ...(issuedBeforeMs && { issuedBefore: new Date(issuedBeforeMs).toISOString() }),
    };
    const target = ofTenant === undefined ? {} : { tenant: ofTenant };
    expect({
      sql: await isConcernedInSql(row, filter),
      log: isConcerned(row, { details, target }),
    }).toEqual({ sql: expected, log: expected });
  });
});
