import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalName, type CallContext, type Principal } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { alice, denied, issued } from '../testing/sample-events.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { AddressRangeTooWide, AuditEntryNotFound } from '../errors.js';
import type { EntryFilter, EntryPage, EntryQuery } from './entry-filter.js';

const grace: CallContext = { actor: { ...alice, subject: canonicalName('grace') } };
const foreign = canonicalName('fabrikam');
const bob: Principal = {
  ...alice,
  tenant: foreign,
  subject: canonicalName('bob'),
  displayName: 'Bob',
};
const stranger: CallContext = { actor: { ...bob, subject: canonicalName('auditor') } };
const traceId = 'a'.repeat(32);

/** One event for each filter, at the index that its place gives. */
const EVENTS: readonly AuditEvent[] = [
  issued(0),
  { ...issued(1), policy: { rule: 'night', version: '2' } },
  { ...issued(2), upstream: { secretVersion: 'newer' } },
  { ...issued(3), target: { ...issued(3).target, resource: 'secondary' } },
  { ...issued(4), token: { ...issuedToken(4), scopes: ['voip.join'] } },
  { ...issued(5, { ...alice, isGuest: true, tokenId: 'uti-5' }) },
  { ...issued(6), request: { requestId: 'request-6', traceId, clientAddress: '2001:db8:1:2::6' } },
  { ...issued(7), request: { requestId: 'request-7', traceId, clientAddress: '198.51.100.7' } },
  { ...denied(bob), request: { requestId: 'request-8', clientAddress: '198.51.100.8' } },
  { action: 'secret.read', outcome: 'success', actor: { kind: 'system', name: 'secret-store' } },
  {
    ...issued(10),
    action: 'identity.suspend',
    target: { tenant: foreign, subject: 'robot' },
    displayName: 'Robot',
  },
  { ...issued(11), outcome: 'failure', reason: { code: 'acs-unavailable' } },
  { ...issued(12, { ...alice, kind: 'service' }), displayName: 'Alice Example' },
];

function issuedToken(nth: number) {
  const { token } = issued(nth);
  if (!token) throw new Error('an issuance has a token');
  return token;
}

describe.each([
  ['with entries of this release', () => false],
  ['with entries of older releases', () => true],
  ['with entries of both', (index: number) => index % 2 === 0],
])('EntrySearch %s', (_what, isOld) => {
  let database: TestDatabase;
  let log: TestLog;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { homeTenant: alice.tenant });
    await log.trail.recordAll(EVENTS);
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query('SET session_replication_role = replica');
    const old = EVENTS.flatMap((_event, index) => (isOld(index) ? [index] : []));
    // As an older release adds rows.
    const columns = 'facet = NULL, search_ids = NULL';
    await superuser.query(`UPDATE audit_entry SET ${columns} WHERE entry_index = ANY($1)`, [old]);
    await superuser.end();
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  /** The readings of this file are not what it searches for. */
  const recorded = { before: EVENTS.length } as const;

  async function search(query: Partial<EntryQuery>, reader = grace): Promise<EntryPage> {
    return log.auditLog.search(reader, { limit: 100, ...recorded, ...query });
  }

  async function indexes(query: Partial<EntryQuery>, reader = grace): Promise<number[]> {
    return (await search(query, reader)).items.map(({ index }) => index);
  }

  const all = EVENTS.map((_, nth) => nth).reverse();

  it.each<[string, EntryFilter, number[]]>([
    ['request', { requestId: issued(3).request?.requestId ?? '' }, [3]],
    ['trace', { traceId }, [7, 6]],
    ['request and trace', { traceId, requestId: 'request-7' }, [7]],
    ['request of another trace', { traceId, requestId: 'request-8' }, []],
    ['token of the caller', { tokenId: 'uti-5' }, [5]],
    ['rule', { rule: 'night' }, [1]],
    ['version of the policy', { policyVersion: '2' }, [1]],
    ['version of the secret', { secretVersion: 'newer' }, [2]],
    ['resource', { resource: 'secondary' }, [3]],
    ['scope', { scope: 'voip.join' }, [4]],
    ['guests', { isGuest: true }, [5]],
    ['kind of the actor', { actorKind: 'system' }, [9]],
    ['several kinds of actors', { actorKind: ['system', 'service'] }, [12, 9]],
    ['several outcomes', { outcome: ['denied', 'failure'] }, [11, 8]],
    ['several actions', { action: ['secret.read', 'identity.suspend'] }, [10, 9]],
    ['one of several reasons', { reasonCode: ['acs-unavailable', 'unheard-of'] }, [11]],
    ['an excluded action', { actionNot: 'token.issue' }, [10, 9, 8]],
    ['two excluded actions', { actionNot: ['token.issue', 'secret.read'] }, [10, 8]],
    ['an excluded action and an outcome', { actionNot: 'token.issue', outcome: 'denied' }, [8]],
    ['an excluded actor', { actorSubjectNot: alice.subject }, [9, 8]],
    ['rule and application', { rule: 'night', clientApp: alice.clientApp }, [1]],
    ['rule and another resource', { rule: 'night', resource: 'secondary' }, []],
    ['tenant of the target', { targetTenant: foreign }, [10, 8]],
    [
      'tenant of the target and action',
      { targetTenant: foreign, action: 'identity.suspend' },
      [10],
    ],
    ['address', { clientAddress: '198.51.100.7' }, [7]],
    ['range of addresses', { address: '198.51.100.0/24' }, [8, 7]],
    ['half of a range', { address: '198.51.100.8/29' }, [8]],
    ['range of one address', { address: '198.51.100.7/32' }, [7]],
    ['range of IPv6 addresses', { address: '2001:db8::/32' }, [6]],
    ['narrow range of IPv6 addresses', { address: '2001:db8:1:2::/64' }, [6]],
    ['another range of IPv6 addresses', { address: '2001:db8:1:3::/64' }, []],
    ['range and outcome', { address: '198.51.100.0/24', outcome: 'denied' }, [8]],
    ['range and rule', { address: '203.0.113.0/24', rule: 'night' }, [1]],
    ['range and name', { address: '198.51.100.0/24', displayName: 'Bob' }, [8]],
    ['name of an actor', { displayName: 'Bob' }, [8]],
    ['name of a target', { displayName: 'Robot' }, [10]],
    ['words and a trace', { reasonText: 'missing', requestId: 'request-8' }, [8]],
  ])('finds entries by %s, in both orders', async (_name, filter, expected) => {
    expect(await indexes(filter)).toEqual(expected);
    expect(await indexes({ ...filter, order: 'ascending' })).toEqual(expected.toReversed());
  });

  it('finds an entry once, and pages on, when its actor and its target have the name', async () => {
    const named = { displayName: 'Alice Example', limit: 2 };
    const found: number[] = [];
    for (let before: number | undefined = recorded.before; before !== undefined;) {
      const page = await search({ ...named, before });
      found.push(...page.items.map(({ index }) => index));
      before = page.nextBefore;
    }
    expect(found).toEqual(all.filter((index) => index !== 8 && index !== 9));
  });

  it('merges more keys than one statement takes', async () => {
    const ownDatabase = await testDatabase();
    const own = await openTestLog(ownDatabase.serviceUrl, { homeTenant: alice.tenant });
    const events = Array.from({ length: 300 }, (_, nth) => ({
      ...issued(nth),
      policy: { rule: `rule-${nth % 150}`, version: '1' },
    }));
    await own.trail.recordAll(events);
    const find = async (query: Partial<EntryQuery>) => {
      const page = await own.auditLog.search(grace, {
        limit: 7,
        actionNot: 'audit.read',
        ...query,
      });
      return page.items.map(({ index }) => index);
    };
    expect(await find({})).toEqual([299, 298, 297, 296, 295, 294, 293]);
    expect(await find({ order: 'ascending' })).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await find({ before: 100, policyVersion: '1' })).toEqual([99, 98, 97, 96, 95, 94, 93]);
    expect(await find({ rule: 'rule-149' })).toEqual([299, 149]);
    expect(await find({ address: '203.0.0.0/16' })).toEqual([299, 298, 297, 296, 295, 294, 293]);
    await own.close();
    await ownDatabase.close();
  });

  it('gives the pages of both orders without overlap or gap, and a poller the entries that follow', async () => {
    const seen: number[] = [];
    let page = await search({
      order: 'ascending',
      limit: 3,
      before: undefined,
      actionNot: 'audit.read',
    });
    for (; !page.isComplete;) {
      seen.push(...page.items.map(({ index }) => index));
      page = await search({
        ...{ order: 'ascending', limit: 3, before: undefined, actionNot: 'audit.read' },
        after: page.nextAfter,
      });
    }
    seen.push(...page.items.map(({ index }) => index));
    expect(seen).toEqual(all.toReversed());
    const { index } = await log.trail.record(denied(bob));
    const next = await search({
      ...{ order: 'ascending', before: undefined, actionNot: 'audit.read' },
      after: page.nextAfter,
    });
    expect(next.items.map((item) => item.index)).toEqual([index]);
    expect(next.nextAfter).toBe(next.newestIndex);
  });

  it('follows the log from its newest entries on, as one reading', async () => {
    const stop = new AbortController();
    const filter = { requestId: 'followed-request' };
    const following = log.auditLog.follow(grace, filter, { newest: 5, signal: stop.signal });
    expect((await following.next()).value?.items).toEqual([]);
    const request = { requestId: filter.requestId };
    const { index } = await log.trail.record({ ...denied(bob), request });
    const { value } = await following.next();
    expect(value?.items.map((item) => item.index)).toEqual([index]);
    expect(value?.after).toBeGreaterThanOrEqual(index);
    stop.abort();
    expect(await following.next()).toEqual({ done: true, value: undefined });
    const readings = await search({ before: undefined, after: index - 2, action: 'audit.read' });
    expect(readings.items.map(({ entry }) => entry.details?.route)).toContain('follow');
  });

  it('says which times a page covers', async () => {
    const [newest] = (await search({ limit: 1 })).items;
    const whole = await search({});
    expect(whole).toMatchObject({ isComplete: true });
    expect(whole.searchedFrom).toBeUndefined();
    const cut = await search({ limit: 2 });
    expect(cut).toMatchObject({ isComplete: false, nextBefore: EVENTS.length - 2 });
    expect(cut.searchedFrom?.toISOString()).toBe(cut.items.at(-1)?.entry.recordedAt);
    expect(cut.searchedTo?.toISOString()).toBe(newest?.entry.recordedAt);
    const future = await search({ before: undefined, from: new Date(Date.now() + 3_600_000) });
    expect(future).toMatchObject({ items: [], isComplete: true });
  });

  it('gives the page around an index', async () => {
    const page = await log.auditLog.searchAround(grace, { limit: 4, to: new Date() }, 5);
    expect(page.items.map(({ index }) => index)).toEqual([7, 6, 5, 4]);
    expect(page).toMatchObject({ nextBefore: 4, isComplete: false });
  });

  it('refuses a range with more addresses than it can merge', async () => {
    const ownDatabase = await testDatabase();
    const own = await openTestLog(ownDatabase.serviceUrl);
    const request = (nth: number) => ({
      requestId: 'request',
      clientAddress: `10.${nth >> 8}.${nth & 255}.1`,
    });
    await own.trail.recordAll(
      Array.from({ length: 4097 }, (_, nth) => ({ ...denied(), request: request(nth) })),
    );
    const operator = { actor: { kind: 'operator', name: 'olivia' } } as const;
    const find = async (address: string) => own.auditLog.search(operator, { limit: 2, address });
    await expect(find('10.0.0.0/8')).rejects.toThrow(AddressRangeTooWide);
    expect((await find('10.15.0.0/16')).items.map(({ index }) => index)).toEqual([4095, 4094]);
    await own.close();
    await ownDatabase.close();
  });

  it('shows auditors of another tenant no personal values of others who acted on it', async () => {
    const { items } = await search(
      { action: ['identity.suspend', 'authorization.deny'] },
      stranger,
    );
    expect(items.map(({ index, personal }) => [index, personal])).toEqual([
      [10, { targetDisplayName: 'Robot' }],
      [8, { actorDisplayName: 'Bob', clientAddress: '198.51.100.8' }],
    ]);
    const id = items[0]?.entry.id ?? '';
    expect((await log.auditLog.entry(stranger, id)).personal).toEqual({
      targetDisplayName: 'Robot',
    });
    let exported = '';
    const query = { format: 'ndjson', fromIndex: 0 } as const;
    for await (const { text } of log.auditLog.export(stranger, query)) exported += text;
    expect(exported).toContain('Robot');
    expect(exported).not.toContain('Alice Example');
    expect(exported).not.toContain('203.0.113.10');
  });

  it('does not let them find entries by such values', async () => {
    for (const filter of [
      { clientAddress: '203.0.113.10' },
      { address: '203.0.113.0/24' },
      { displayName: 'Alice Example' },
      { displayName: 'Alice Example', address: '203.0.113.0/24' },
    ]) {
      expect(await indexes(filter, stranger), JSON.stringify(filter)).toEqual([]);
    }
    expect(await indexes({ displayName: 'Robot' }, stranger)).toEqual([10]);
    expect(await indexes({ displayName: 'Bob' }, stranger)).toEqual([8]);
    expect(await indexes({ clientAddress: '198.51.100.8' }, stranger)).toEqual([8]);
  });

  it('gives an entry with its proof and its neighbours, as one reading', async () => {
    const before = await log.trail.record(denied(bob));
    const parts = { proof: true, neighbours: true };
    const found = await log.auditLog.entry(grace, 6, parts);
    const around = found.neighbours;
    expect(around?.request).toEqual([]);
    expect(around?.callerToken.map(({ index }) => index)).toEqual(
      expect.arrayContaining([12, 11, 10, 7, 4, 3, 2, 1, 0]),
    );
    expect(around?.callerToken.length).toBeLessThanOrEqual(20);
    expect(found.proof).toContain('index 6\n');
    const reading = await log.auditLog.entry(grace, before.index + 1);
    expect(reading.entry).toMatchObject({
      action: 'audit.read',
      details: { route: 'entry', index: 6, include: ['proof', 'neighbours'] },
    });
    await expect(log.auditLog.entry(grace, 1_000_000)).rejects.toThrow(AuditEntryNotFound);
    await expect(log.auditLog.entry(stranger, 6)).rejects.toThrow(AuditEntryNotFound);
  });

  it('records of personal values that they were searched for, and of words how long they are', async () => {
    const words = 'Zyxwv Quorbly';
    const texts = {
      ...{
        reasonText: words,
        rule: words,
        tokenId: words,
        resource: words,
        requestId: 'zyxwv.quorbly',
      },
      ...{ policyVersion: words, secretVersion: words, scope: 'zyxwv.quorbly' },
      ...{ actorSubject: canonicalName(words), actorSubjectNot: [canonicalName(words)] },
      ...{ actorTenant: canonicalName(words), targetTenant: canonicalName(words) },
      ...{ targetSubject: canonicalName(words), clientApp: canonicalName(words) },
    };
    await search({ ...texts, displayName: words, address: '198.51.100.0/24', action: ['x-a.b'] });
    const [reading] = (
      await search({ before: undefined, action: 'audit.read', limit: 2 })
    ).items.slice(1);
    const given = 'given, 13 characters';
    expect(reading?.entry.details).toMatchObject({
      ...Object.fromEntries(Object.keys(texts).map((name) => [name, given])),
      ...{ actorSubjectNot: [given], displayName: 'given', address: 'given', action: ['x-a.b'] },
    });
    expect(reading?.leaf.toString()).not.toMatch(/zyxwv/i);
  });

  it('records ids that were searched for', async () => {
    const ids = {
      actorSubject: canonicalName('00000000-0000-4000-8000-00000000a11c'),
      tokenId: 'fqiBqXLPj0eQa82S-IYFAA',
      secretVersion: '0123456789abcdef0123456789abcdef',
    };
    await search(ids);
    const [reading] = (
      await search({ before: undefined, action: 'audit.read', limit: 2 })
    ).items.slice(1);
    expect(reading?.entry.details).toMatchObject(ids);
  });
});
