import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_CLOCK_TOLERANCE_MS, together, type TransactionalWrite } from '#libs/audit';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { canonicalName, type Guid, ReadingDatabase } from '#libs/platform';
import { newGuid, testDatabase, type TestDatabase } from '#libs/platform/testing';
import {
  AssignmentChanged,
  AssignmentRenewal,
  type AssignmentStore,
  PostgresAssignmentStore,
} from '#libs/teams-phone';
import { wireTeamsPhone } from '#libs/teams-phone/testing';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import type { RevocationFilter } from './mass-revocation.js';
import { MassRevocationStore } from './mass-revocation-store.js';

/** Of several pages. A large tenant has 150,000. */
const MANY = 3_500;

const operator = { actor: { kind: 'operator', name: 'spec' } } as const;
const event = { ...operator, action: 'revocation.start', outcome: 'success' } as const;

/** Rows that the connection has changed and not yet reported, without those of the log. */
const CHANGED = `
  SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::integer AS changed
  FROM pg_stat_xact_user_tables WHERE relname NOT LIKE 'audit%'`;

interface Holder {
  readonly tenant: Guid;
  readonly objectId: Guid;
}

describe('the Teams Phone assignments of a mass revocation', () => {
  let database: TestDatabase;
  let log: TestLog;
  let mappings: RecordedMappings;
  let assignments: AssignmentStore;
  let store: MassRevocationStore;
  let phone: ReturnType<typeof wireTeamsPhone>;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    mappings = new RecordedMappings(log);
    const reading = log.get(ReadingDatabase);
    assignments = new PostgresAssignmentStore(log.database, reading);
    store = new MassRevocationStore(log.database, reading, new AssignmentRenewal(assignments));
    const { trail: audit, clock, logger } = log;
    const { gateway, resources } = mappings;
    phone = wireTeamsPhone({ store: assignments, gateway, audit, resources, clock, logger });
  });

  afterAll(async () => {
    await log.close();
    await database.close();
  });

  /** Starts a mass revocation. @returns its id, and how many rows the transaction of its start changed */
  async function start(filter: RevocationFilter): Promise<{ id: string; changed: number }> {
    const id = randomUUID();
    const changed: number[] = [];
    const count: TransactionalWrite = async (transaction) => {
      const [row] = await transaction.query<{ changed: number }[]>(CHANGED);
      changed.push(row?.changed ?? Number.NaN);
    };
    const begin = store.begin({ id, filter, reason: 'x' });
    await log.trail.record(event, together([count, begin, count]));
    const [before = Number.NaN, after = Number.NaN] = changed;
    return { id, changed: after - before };
  }

  async function assign(clientIds: readonly Guid[] = [], tenant = newGuid()): Promise<Holder> {
    const holder = { tenant, objectId: newGuid() };
    await phone.assignments.put({ ...holder, principalType: 'user', clientIds }, operator);
    return holder;
  }

  async function left(id: string): Promise<number> {
    const revocation = (await store.get(id)) ?? expect.unreachable();
    const { assignments: counts } = await store.remaining(revocation);
    return [...counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** As the background work of a replica. */
  async function renewAll(): Promise<void> {
    await phone.recovery.markRenewals();
    await phone.recovery.sweep();
  }

  const show = async (holder: Holder) => assignments.find(holder);
  /** As the exchange of a token ends that began when the assignment was so. */
  const release = async (holder: Holder, known: Awaited<ReturnType<typeof show>>) =>
    log.trail.record(
      { ...operator, action: 'token.exchange', outcome: 'success' },
      assignments.expectUnchanged(holder, known),
    );
  const calls = (): string[] => mappings.gateway.calls.map(({ operation }) => operation);

  it('are renewing for everybody from its start, before their rows are changed', async () => {
    const holder = await assign();
    const known = await show(holder);
    const { id } = await start({ tenant: canonicalName(holder.tenant) });
    expect(await show(holder)).toMatchObject({ status: 'renewing', version: 1 });
    await expect(release(holder, known)).rejects.toThrow(AssignmentChanged);
    await expect(release(holder, await show(holder))).rejects.toThrow(AssignmentChanged);
    const search = { tenant: holder.tenant, status: 'renewing', limit: 10 } as const;
    expect(await assignments.search(search)).toHaveLength(1);
    expect(await left(id)).toBe(1);
    mappings.gateway.calls.length = 0;
    await renewAll();
    expect(calls()).toEqual(['unassign', 'assign']);
    expect(await show(holder)).toMatchObject({ status: 'active', version: 2 });
    expect(await left(id)).toBe(0);
    await release(holder, await show(holder));
    await renewAll();
    expect(calls()).toEqual(['unassign', 'assign']);
  });

  it('are renewed when a replica made them whose clock is ahead within the tolerance', async () => {
    const holder = await assign();
    const { createdAt } = (await show(holder)) ?? expect.unreachable();
    const [within, beyond] = [MAX_CLOCK_TOLERANCE_MS, 2 * MAX_CLOCK_TOLERANCE_MS].map(
      (ms) => new Date(createdAt.getTime() - ms),
    );
    const tenant = canonicalName(holder.tenant);
    await start({ tenant, issuedBefore: beyond });
    expect(await show(holder)).toMatchObject({ status: 'active' });
    await start({ tenant, issuedBefore: within });
    expect(await show(holder)).toMatchObject({ status: 'renewing' });
    await renewAll();
  });

  it('are renewed by whom changes them before, and are not renewed again when they are newer', async () => {
    const holder = await assign();
    const { id } = await start({ tenant: canonicalName(holder.tenant) });
    const newer = await assign([], holder.tenant);
    expect(await show(newer)).toMatchObject({ status: 'active' });
    mappings.gateway.calls.length = 0;
    const next = { ...holder, principalType: 'teamsResourceAccount', clientIds: [] } as const;
    await phone.assignments.put(next, operator);
    expect(calls()).toEqual(['unassign', 'assign', 'assign']);
    await renewAll();
    expect(calls()).toHaveLength(3);
    expect(await left(id)).toBe(0);
  });

  it('are those of its filters', async () => {
    const app = newGuid();
    const holder = await assign([app]);
    const tenant = canonicalName(holder.tenant);
    const others: RevocationFilter[] = [
      ...[{ tenant: canonicalName(newGuid()) }, { tenant, resource: 'elsewhere' }],
      ...[{ tenant, issuedBefore: new Date(0) }, { tenant, kind: 'bot' } as const],
      { tenant, invitation: randomUUID() },
    ];
    for (const filter of others) await start(filter);
    expect(await show(holder)).toMatchObject({ status: 'active' });
    for (const filter of [{ tenant, kind: 'user' } as const, { tenant, resource: 'default' }]) {
      const { id } = await start(filter);
      expect(await show(holder)).toMatchObject({ status: 'renewing' });
      expect(await left(id)).toBe(1);
      await renewAll();
      expect(await show(holder)).toMatchObject({ status: 'active' });
      expect(await left(id)).toBe(0);
    }
  });

  it('are found by the application that may have tokens, and not when it came later', async () => {
    const app = newGuid();
    const [named, other] = [await assign([app]), await assign([newGuid()])];
    const id = randomUUID();
    const filter = { clientApp: canonicalName(app) };
    await log.trail.record(event, store.begin({ id, filter, reason: 'x' }, { newest: '-1' }));
    expect(await show(named)).toMatchObject({ status: 'renewing' });
    expect(await show(other)).toMatchObject({ status: 'active' });
    await renewAll();
    const wider = { ...other, principalType: 'user', clientIds: [app] } as const;
    await phone.assignments.put(wider, operator);
    expect(await left(id)).toBe(0);
    expect(await show(other)).toMatchObject({ status: 'active' });
  });

  it('are marked by several replicas at once, page by page, while rows are locked by others', async () => {
    const tenant = newGuid();
    const holders = [await assign([], tenant), await assign([], tenant), await assign([], tenant)];
    const { id } = await start({ tenant: canonicalName(tenant) });
    const locked = (await show(holders[0] ?? expect.unreachable())) ?? expect.unreachable();
    const client = new pg.Client(database.superuserUrl);
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM teams_phone_assignment WHERE id = $1 FOR UPDATE', [locked.id]);
    await Promise.all([assignments.markRenewals(), assignments.markRenewals()]);
    const versions = async () =>
      (await assignments.search({ tenant, limit: 10 })).map((one) => [one.status, one.version]);
    const [awaiting, marked] = [
      ['renewing', 1],
      ['renewing', 2],
    ];
    expect(await versions()).toEqual([awaiting, marked, marked]);
    expect(await left(id)).toBe(3);
    await client.query('ROLLBACK');
    await client.end();
    await assignments.markRenewals();
    expect(await versions()).toEqual([marked, marked, marked]);
  });

  it(`change no row under the lock of the log, also when there are ${MANY}`, async () => {
    const tenant = newGuid();
    const client = new pg.Client(database.superuserUrl);
    await client.connect();
    await client.query(
      `INSERT INTO teams_phone_assignment
         (id, resource, tenant, object_id, principal_type, client_ids, status, version, created_at, updated_at)
       SELECT gen_random_uuid(), 'default', $1, gen_random_uuid(), 'user', '{}', 'active', 1, now(), now()
       FROM generate_series(1, $2)`,
      [tenant, MANY],
    );
    await client.query('ANALYZE teams_phone_assignment');
    await client.end();
    const { id, changed } = await start({ tenant: canonicalName(tenant) });
    expect(changed).toBe(1);
    expect(await left(id)).toBe(MANY);
    await assignments.markRenewals();
    const [rows] = await log.database.query<{ marked: number; open: number }>(
      `SELECT (SELECT count(*)::integer FROM teams_phone_assignment
               WHERE tenant = $1 AND status = 'renewing' AND version = 2) AS marked,
         (SELECT count(*)::integer FROM revocation WHERE is_marking_assignments) AS open`,
      [tenant],
    );
    expect(rows).toEqual({ marked: MANY, open: 0 });
    expect(await left(id)).toBe(MANY);
  });
});
