import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CallContext, canonicalName } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { alice, denied, issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import type { EntryFilter, EntryQuery } from './entry-filter.js';

interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly Plan[];
}

const reader: CallContext = { actor: { ...alice, subject: canonicalName('grace') } };
const name = canonicalName;

let database: TestDatabase;
let log: TestLog;
let client: pg.Client;
/** Of all clients that are made from now on. */
const queries = vi.spyOn(pg.Client.prototype, 'query');

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl, { homeTenant: alice.tenant });
  await log.trail.recordAll([issued(0), denied(alice), issued(1)]);
  client = new pg.Client({ connectionString: database.serviceUrl });
  await client.connect();
  // A plan that has one of these all the same has no alternative, whatever the number of entries.
  for (const node of ['seqscan', 'sort', 'incremental_sort', 'bitmapscan'])
    await client.query(`SET enable_${node} = off`);
});

afterAll(async () => {
  queries.mockRestore();
  await client.end();
  await log.close();
  await database.close();
});

/** The statements that read the entries of a search, with their parameters. */
async function statementsOf(query: EntryQuery): Promise<[string, unknown[]][]> {
  queries.mockClear();
  await log.auditLog.search(reader, query);
  return queries.mock.calls.flatMap(([sql, parameters]) =>
    typeof sql === 'string' && /\be\.leaf\b[^]* LIMIT /.test(sql) && Array.isArray(parameters)
      ? [[sql, parameters]]
      : [],
  );
}

/** The nodes that read all rows of a range before the first one is known. */
function unordered(plan: Plan): string[] {
  const children = plan.Plans ?? [];
  const isOfTable = children.some((child) => /Append|Scan/.test(child['Node Type']));
  const isUnordered = /^(Incremental )?Sort$/.test(plan['Node Type']) && isOfTable;
  const isWhole = plan['Node Type'] === 'Seq Scan';
  return [
    ...(isUnordered || isWhole ? [plan['Node Type']] : []),
    ...children.flatMap((child) => unordered(child)),
  ];
}

function indexesOf(plan: Plan): string[] {
  const name = plan['Index Name'];
  return [...(name === undefined ? [] : [name]), ...(plan.Plans ?? []).flatMap(indexesOf)];
}

/** Filters that leave most entries: the order of the log leads to the first ones. */
const LEAVE_MOST = ['from', 'actorSubjectNot'];

/** Every filter but those of which few entries have each value: ids, words and addresses. */
const FILTERS: readonly EntryFilter[] = [
  {},
  { from: new Date(Date.now() - 86_400_000) },
  { action: 'token.issue' },
  { action: ['token.issue', 'token.revoke'] },
  { actionNot: 'token.issue' },
  { outcome: 'success' },
  { outcome: 'denied' },
  { outcome: ['success', 'denied'] },
  { reasonCode: 'policy-refused' },
  { actorKind: 'user' },
  { actorTenant: alice.tenant },
  { actorSubject: alice.subject },
  { actorSubjectNot: [alice.subject] },
  { actorSubjectNot: [alice.subject], outcome: 'success' },
  { actorSubjectNot: [alice.subject], actorTenant: alice.tenant },
  { isGuest: false },
  { clientApp: name('11111111-2222-4333-8444-555555555555') },
  { targetTenant: alice.tenant },
  { targetSubject: alice.subject },
  { identityId: name('01890000-0000-7000-8000-000000000001') },
  { communicationUserId: name('8:acs:a_b') },
  { resource: 'primary' },
  { scope: 'chat' },
  { rule: 'default' },
  { policyVersion: '1' },
  { secretVersion: 'fedcba9876543210fedcba9876543210' },
];

describe('the plan of a search', () => {
  it.each(
    FILTERS.flatMap((filter) => [
      [JSON.stringify(filter), 'descending', filter] as const,
      [JSON.stringify(filter), 'ascending', filter] as const,
    ]),
  )('reads the first entries alone: %s, %s', async (_, order, filter) => {
    const statements = await statementsOf({ ...filter, order, limit: 10 });
    for (const [sql, parameters] of statements) {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (FORMAT JSON) ${sql}`,
        parameters,
      );
      const plan = rows[0]?.['QUERY PLAN'][0].Plan ?? { 'Node Type': 'none' };
      expect(unordered(plan), sql).toEqual([]);
      const isSelective = Object.keys(filter).some((one) => !LEAVE_MOST.includes(one));
      const isLed = !indexesOf(plan).some((index) => index.endsWith('_pkey'));
      expect(isLed, sql).toBe(isSelective);
    }
  });

  it('is one for each filter', async () => {
    expect(await statementsOf({ outcome: 'success', limit: 10 })).not.toEqual([]);
    expect(await statementsOf({ actorSubject: alice.subject, limit: 10 })).toHaveLength(2);
  });
});
