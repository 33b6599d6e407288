import { beforeAll, describe, expect, it } from 'vitest';
import { NoteVerifier, verifyProofFile } from '#libs/transparency-log';
import { SAMPLE_APPS, SAMPLE_PEOPLE, SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import { call } from '../../support/call.js';
import {
  getAudit,
  idsOf,
  indexesOf,
  pointersOf,
  publicKey,
  type Receipt,
} from '../../support/audit-api.js';
import { isProven } from '../../support/independent-verifier.js';
import { runningService } from '../../support/running-service.js';
import { issue } from '../../support/tokens-api.js';

const service = runningService();
const receipts = {} as Record<'alice' | 'bob' | 'olga', Receipt>; // filled before any spec runs

beforeAll(async () => {
  for (const who of ['alice', 'bob', 'olga'] as const) {
    receipts[who] = (await issue(service(), who)).auditEntry;
  }
  await getAudit(service(), 'mallory', 'entries');
});

async function search(query: Record<string, string>, who: 'grace' | 'ivan' = 'grace') {
  return getAudit(service(), who, `entries?${new URLSearchParams(query).toString()}`);
}

describe('GET /v1/audit/entries', () => {
  it('200: returns entries newest first, in pages without gap or overlap', async () => {
    const indexes: number[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const { status, body } = await search({ limit: '3', ...(cursor && { cursor }) });
      expect(status).toBe(200);
      indexes.push(...indexesOf(body));
      cursor = body.nextCursor;
    }
    const [newest = -1] = indexes;
    expect(newest).toBeGreaterThan(receipts.olga.index);
    expect(indexes).toEqual(Array.from({ length: newest + 1 }, (_, nth) => newest - nth));
  });

  it.each([
    ['action', () => ({ action: 'token.issue' }), 3],
    ['outcome', () => ({ outcome: 'denied' }), 1],
    ['reasonCode', () => ({ reasonCode: 'insufficient-permission' }), 1],
    ['reasonText', () => ({ reasonText: 'permission insufficient' }), 1],
    [
      'caller',
      () => ({
        actorSubject: SAMPLE_PEOPLE.alice.objectId,
        actorTenant: SAMPLE_TENANTS.home.id,
        action: 'token.issue',
      }),
      1,
    ],
    ['tenant', () => ({ actorTenant: SAMPLE_TENANTS.second.id }), 2],
    [
      'application',
      () => ({ clientApp: SAMPLE_APPS['sample-web-app'].clientId, action: 'identity.create' }),
      3,
    ],
    ['target', () => ({ targetSubject: SAMPLE_PEOPLE.bob.objectId, action: 'token.issue' }), 1],
  ])('200: finds entries by %s', async (_name, query, count) => {
    const { status, body } = await search(query());
    expect(status).toBe(200);
    expect(body.items).toHaveLength(count);
  });

  it('200: finds an entry by the identity, ACS identity, address and fingerprint that it returns', async () => {
    const { body: shown } = await getAudit(service(), 'grace', `entries/${receipts.alice.id}`);
    const { target, token } = shown.entry;
    for (const query of [
      { identityId: target.identityId },
      { communicationUserId: target.communicationUserId },
      { fingerprint: token.fingerprint },
      { clientAddress: shown.personal.clientAddress, action: 'token.issue' },
    ] as Record<string, string>[]) {
      const { body } = await search(query);
      expect(idsOf(body), JSON.stringify(query)).toContain(receipts.alice.id);
    }
  });

  it('200: includes the start of the time window and excludes its end', async () => {
    const { body: shown } = await getAudit(service(), 'grace', `entries/${receipts.bob.id}`);
    const at = shown.entry.recordedAt as string;
    const found = async (query: Record<string, string>) => idsOf((await search(query)).body);
    expect(await found({ from: at, limit: '1000' })).toContain(receipts.bob.id);
    expect(await found({ to: at, limit: '1000' })).not.toContain(receipts.bob.id);
    expect(await found({ from: '9998-01-01T00:00:00Z' })).toEqual([]);
  });

  it.each([
    ['a quotation mark', "' OR '1'='1"],
    ['a wildcard', '%_%'],
    ['separators and bidi marks', '\u2028\u2029\u202e\u2066'],
    ['emoji', '🧑‍🚀'],
    ['512 characters', 'x'.repeat(512)],
    ['operators of full text search', "& | ! ( ) <-> :* 'quoted'"],
  ])('200: finds nothing by %s', async (_what, text) => {
    for (const name of ['actorSubject', 'reasonText', 'rule', 'tokenId', 'resource']) {
      const { status, body } = await search({ [name]: text });
      expect(status).toBe(200);
      expect(body).toMatchObject({ items: [], isComplete: true });
    }
  });

  it.each([
    ['an unknown filter', 'colour=red', ['/colour']],
    ['two unknown filters', 'colour=red&size=1', ['/colour', '/size']],
    ['an unknown action', 'action=token.steal', ['/action']],
    ['a page of no entries', 'limit=0', ['/limit']],
    ['a page of 1,001 entries', 'limit=1001', ['/limit']],
    ['a fractional limit', 'limit=1.5', ['/limit']],
    ['a negative cursor', 'cursor=-1', ['/cursor']],
    ['a cursor beyond 2^53', 'cursor=9999999999999999', ['/cursor']],
    ['a date without a time', 'from=2030-01-01', ['/from']],
    ['the year 0', 'from=0000-01-01T00:00:00Z', ['/from']],
    ['a time after the year 9999', 'to=9999-12-31T23:59:59-12:00', ['/to']],
    [
      'a window that ends before it begins',
      'from=2030-01-02T00:00:00Z&to=2030-01-01T00:00:00Z',
      ['/to'],
    ],
    ['a filter of one value given twice', 'clientApp=a&clientApp=b', ['/clientApp']],
    ['a null byte', 'actorSubject=a%00b', ['']],
    ['line breaks', 'reasonText=a%0d%0ab', ['']],
    ['an escape sequence', 'fingerprint=%1b[31m', ['']],
    ['an empty filter', 'actorSubject=', ['/actorSubject']],
    ['a range of addresses', 'clientAddress=203.0.113.0/24', ['/clientAddress']],
    ['a range of IPv6 addresses', 'clientAddress=2001:db8::/32', ['/clientAddress']],
    ['a pattern of addresses', 'clientAddress=203.0.113.*', ['/clientAddress']],
    ['a name for an address', 'clientAddress=host.example', ['/clientAddress']],
    ['a code that no reason has', 'reasonCode=nonsense', ['/reasonCode']],
    [
      'a code that no reason has, of two',
      'reasonCode=by-role&reasonCode=nonsens',
      ['/reasonCode/1'],
    ],
    ['one outcome of two', 'outcome=denied&outcome=bogus', ['/outcome/1']],
    ['a code that is no code', 'reasonCode=%20', ['/reasonCode']],
    ['one impossible action of two', 'action=token.issue&action=token.steal', ['/action/1']],
    ['an unknown outcome', 'outcome=fine', ['/outcome']],
    ['an unknown kind of actor', 'actorKind=robot', ['/actorKind']],
    ['neither a guest nor none', 'isGuest=maybe', ['/isGuest']],
    ['no UUID', 'identityId=17', ['/identityId']],
    ['no ACS user', 'communicationUserId=8:orgid:1', ['/communicationUserId']],
    ['no fingerprint', 'fingerprint=abc', ['/fingerprint']],
    ['no request id', 'requestId=a%20b', ['/requestId']],
    ['no trace id', 'traceId=xyz', ['/traceId']],
    ['no scope', 'scope=Voip', ['/scope']],
    ['no range', 'address=203.0.113.0/33', ['/address']],
    ['a range of both families', 'address=::/64', ['/address']],
    ['a range of everybody', 'address=0.0.0.0/0', ['/address']],
    ['an address outside the range', 'address=10.0.0.0/8&clientAddress=192.0.2.1', ['/address']],
    ['an order that is none', 'order=random', ['/order']],
    ['what is excluded', 'action=token.issue&actionNot=token.issue', ['/actionNot']],
    ['an excluded actor', 'actorSubject=a&actorSubjectNot=a', ['/actorSubjectNot']],
    ['two pages at once', 'aroundIndex=1&cursor=3', ['/aroundIndex']],
    ['a name in the address of the request', 'displayName=Alice', ['/displayName']],
    ['513 characters', `reasonText=${'x'.repeat(513)}`, ['/reasonText']],
  ])('400: refuses %s', async (_what, query, pointers) => {
    const { status, body } = await getAudit(service(), 'grace', `entries?${query}`);
    expect(status).toBe(400);
    expect(pointersOf(body)).toEqual(pointers);
  });

  it('401: refuses a call without a token', async () => {
    expect((await call(service().url, 'get', '/v1/audit/entries')).status).toBe(401);
  });

  it.each(['alice', 'ada', 'crm-service'] as const)('403: refuses %s', async (who) => {
    const { status, body } = await getAudit(service(), who, 'entries');
    expect(status).toBe(403);
    expect(body.type).toBe('urn:acs-identity:problem:insufficient-permission');
  });

  it('records each search with its filters, except for the address', async () => {
    const marker = crypto.randomUUID();
    await search({ actorSubject: marker, clientAddress: '192.0.2.1' });
    const own = (await service().auditEntries()).filter((entry) =>
      JSON.stringify(entry).includes(marker),
    );
    expect(own).toMatchObject([
      { action: 'audit.read', actor: { subject: SAMPLE_PEOPLE.grace.objectId } },
    ]);
    expect(JSON.stringify(own)).not.toContain('192.0.2.1');
  });
});

describe('GET /v1/audit/entries, as a poller and an investigator use it', () => {
  it('200: finds by several values, by the ids of a request and by the token of its caller', async () => {
    const { body: shown } = await getAudit(service(), 'grace', `entries/${receipts.bob.id}`);
    const { request, actor, policy, upstream, target } = shown.entry;
    for (const query of [
      `requestId=${request.id}`,
      `tokenId=${actor.tokenId}&action=token.issue`,
      `rule=${policy.rule}&policyVersion=${policy.version}&action=token.issue&action=token.reuse`,
      `secretVersion=${upstream.secretVersion}&resource=${target.resource}&scope=voip`,
      'actorKind=user&isGuest=false&outcome=success&actionNot=audit.read',
      'address=127.0.0.0/8&action=token.issue',
      'address=::ffff:127.0.0.0/104&action=token.issue',
    ]) {
      const { status, body } = await getAudit(service(), 'grace', `entries?limit=1000&${query}`);
      expect(status, query).toBe(200);
      expect(idsOf(body), query).toContain(receipts.bob.id);
    }
  });

  it('200: continues in ascending order with what was recorded after the last page', async () => {
    const filter = { order: 'ascending', action: 'token.issue', limit: '1000' };
    const first = await search({ ...filter, afterIndex: String(receipts.bob.index) });
    expect(idsOf(first.body)).toContain(receipts.olga.id);
    expect(first.body).toMatchObject({ isComplete: true, nextCursor: expect.any(String) });
    const readings = { order: 'ascending', action: 'audit.read', cursor: first.body.nextCursor };
    const next = await search(readings);
    expect(idsOf(next.body).length).toBeGreaterThan(0);
    const last = await search({ ...readings, cursor: next.body.nextCursor });
    // The one reading in between.
    expect(idsOf(last.body)).toHaveLength(1);
    expect(idsOf(next.body)).not.toContain(idsOf(last.body)[0]);
  });

  it('200: gives the page around an index', async () => {
    const { body } = await search({ aroundIndex: String(receipts.bob.index), limit: '3' });
    expect(indexesOf(body)).toContain(receipts.bob.index);
    expect(body.newestIndex).toBeGreaterThan(receipts.olga.index);
  });
});

describe('POST /v1/audit/entries/search', () => {
  const post = async (body: object, who: 'grace' | 'ivan' | 'alice' = 'grace') =>
    call(service().url, 'post', '/v1/audit/entries/search', {
      token: await service().token(who),
      body,
    });

  it('200: finds by name and address, which stand in no request line', async () => {
    const { body: shown } = await getAudit(service(), 'grace', `entries/${receipts.alice.id}`);
    const { actorDisplayName: displayName, clientAddress } = shown.personal;
    const filter = { displayName, clientAddress, action: ['token.issue'], isGuest: false };
    const { status, body } = await post({ ...filter, limit: 10, order: 'descending' });
    expect(status).toBe(200);
    expect(idsOf(body)).toContain(receipts.alice.id);
    expect(await service().newestEntry()).toMatchObject({
      details: { displayName: 'given', clientAddress: 'given', action: ['token.issue'] },
    });
  });

  it('400, 401, 403: refuses what the query refuses', async () => {
    const { status, body } = await post({ limit: '10', isGuest: 'yes', colour: 1, action: ['x'] });
    expect(status).toBe(400);
    expect(pointersOf(body).sort()).toEqual(['/action', '/colour', '/isGuest', '/limit']);
    expect((await post({}, 'alice')).status).toBe(403);
    const anonymous = await call(service().url, 'post', '/v1/audit/entries/search', { body: {} });
    expect(anonymous.status).toBe(401);
  });
});

describe('GET /v1/audit/entries/at/{index}', () => {
  it('200: returns an entry with its proof and its neighbours, for one record', async () => {
    const path = `entries/at/${receipts.bob.index}?include=proof&include=neighbours`;
    const { status, body } = await getAudit(service(), 'grace', path);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      index: receipts.bob.index,
      isDamaged: false,
      erased: [],
      entry: { id: receipts.bob.id },
    });
    expect(body.proof).toContain(`index ${receipts.bob.index}\n`);
    const request = body.neighbours.request as { action: string }[];
    expect(request.map(({ action }) => action)).toContain('identity.create');
    const own = await service().auditEntries();
    expect(own.filter(({ details }) => details?.index === receipts.bob.index)).toHaveLength(1);
  });

  it('404: has no entry beyond the log, and none of another tenant', async () => {
    const beyond = await getAudit(service(), 'grace', `entries/at/${Number.MAX_SAFE_INTEGER}`);
    expect(beyond.status).toBe(404);
    const path = `entries/at/${receipts.alice.index}`;
    expect((await getAudit(service(), 'ivan', path)).status).toBe(404);
  });

  it('400: refuses what is no index', async () => {
    expect((await getAudit(service(), 'grace', 'entries/at/-1')).status).toBe(400);
    const path = `entries/at/${receipts.bob.index}?include=everything`;
    expect(pointersOf((await getAudit(service(), 'grace', path)).body)).toEqual(['/include']);
  });
});

describe('GET /v1/audit/statistics', () => {
  const window = () => {
    const now = Date.now();
    return {
      from: new Date(now - 3_600_000).toISOString(),
      to: new Date(now + 60_000).toISOString(),
    };
  };
  const statistics = async (query: Record<string, string>) =>
    getAudit(service(), 'grace', `statistics?${new URLSearchParams(query).toString()}`);

  it('200: counts the entries of the log', async () => {
    const { status, body } = await statistics({ ...window(), dimension: 'actorTenant' });
    expect(status).toBe(200);
    const entries = await service().auditEntries();
    const ofSecond = entries.filter(({ actor }) => actor.tenant === SAMPLE_TENANTS.second.id);
    const counted = (body.items as { value?: string; entries: number }[])
      .filter(({ value }) => value === SAMPLE_TENANTS.second.id)
      .reduce((sum, item) => sum + item.entries, 0);
    expect(counted).toBe(ofSecond.length);
  });

  it.each(['hour', 'day', 'week', 'month'])('200: counts by %s', async (bucket) => {
    const { body } = await statistics({ ...window(), bucket, dimension: 'action' });
    const items = body.items as { bucketStart: string; value: string; entries: number }[];
    const issued = items.filter(({ value }) => value === 'token.issue');
    expect(issued.reduce((sum, { entries }) => sum + entries, 0)).toBe(3);
    for (const { bucketStart } of items) expect(bucketStart).toMatch(/:00:00\.000Z$/);
  });

  // Browsers send any name that a zone has, or has had.
  it.each([
    ['Asia/Kolkata', 'Asia/Calcutta'],
    ['Europe/Kyiv', 'Europe/Kiev'],
    ['America/Nuuk', 'America/Godthab'],
    ['US/Pacific', 'America/Los_Angeles'],
    ['europe/zurich', 'Europe/Zurich'],
    ['GMT', 'UTC'],
    ['Etc/UTC', 'UTC'],
    ['CET', 'Europe/Brussels'],
  ])('200: counts in the calendar of %s, which is %s', async (timeZone, same) => {
    const days = { from: '2020-01-01T00:00:00Z', to: new Date().toISOString(), bucket: 'week' };
    const [one, other] = [
      await statistics({ ...days, timeZone }),
      await statistics({ ...days, timeZone: same }),
    ];
    expect(one.status, JSON.stringify(one.body)).toBe(200);
    const startsOf = ({ body }: typeof one): string[] =>
      (body.items as { bucketStart: string }[]).map(({ bucketStart }) => bucketStart);
    expect(new Set(startsOf(one))).toEqual(new Set(startsOf(other)));
  });

  it.each([
    ['no time window', {}, ['/from', '/to']],
    [
      'a window that ends before it begins',
      { from: '2030-01-02T00:00:00Z', to: '2030-01-01T00:00:00Z' },
      ['/to'],
    ],
    [
      'an unknown unit',
      { from: '2030-01-01T00:00:00Z', to: '2030-01-02T00:00:00Z', bucket: 'second' },
      ['/bucket'],
    ],
    [
      'an unknown time zone',
      { from: '2030-01-01T00:00:00Z', to: '2030-01-02T00:00:00Z', timeZone: 'Mars/Base' },
      ['/timeZone'],
    ],
    [
      'an offset for a time zone',
      { from: '2030-01-01T00:00:00Z', to: '2030-01-02T00:00:00Z', timeZone: '+01:00' },
      ['/timeZone'],
    ],
    [
      'a range of addresses',
      { from: '2030-01-01T00:00:00Z', to: '2030-01-02T00:00:00Z', address: '10.0.0.0/8' },
      ['/address'],
    ],
    [
      'an unknown dimension',
      { from: '2030-01-01T00:00:00Z', to: '2030-01-02T00:00:00Z', dimension: 'leaf' },
      ['/dimension'],
    ],
    [
      'too many buckets',
      { from: '2020-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z', bucket: 'hour' },
      ['/bucket'],
    ],
  ])('400: refuses %s', async (_what, query, pointers) => {
    const { status, body } = await statistics(query);
    expect(status).toBe(400);
    expect(pointersOf(body)).toEqual(pointers);
  });

  it('200: counts what matches, by several dimensions, with the window before', async () => {
    const { from, to } = window();
    const query = new URLSearchParams({ from, to, bucket: 'none', top: '1', previous: 'true' });
    for (const dimension of ['rule', 'outcome']) query.append('dimension', dimension);
    query.append('action', 'token.issue');
    const { status, body } = await getAudit(service(), 'grace', `statistics?${query.toString()}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      items: [
        { dimension: 'rule', value: expect.any(String), entries: 3 },
        { dimension: 'outcome', value: 'success', entries: 3 },
      ],
      countedThrough: expect.any(String),
      previous: { to: from, items: [] },
    });
    // The window is not over.
    expect(Date.parse(String(body.countedThrough))).toBeLessThanOrEqual(Date.now());
  });

  it('401, 403: refuses calls without a token, and callers who are not auditors', async () => {
    const path = `statistics?${new URLSearchParams(window()).toString()}`;
    expect((await call(service().url, 'get', `/v1/audit/${path}`)).status).toBe(401);
    expect((await getAudit(service(), 'bob', path)).status).toBe(403);
  });
});

describe('GET /v1/audit/entries/{id}', () => {
  it('200: returns an entry with its canonical bytes and its personal values', async () => {
    const { status, body, headers } = await getAudit(
      service(),
      'grace',
      `entries/${receipts.alice.id}`,
    );
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body.index).toBe(receipts.alice.index);
    expect(JSON.parse(body.canonical)).toEqual(body.entry);
    expect(body.personal).toMatchObject({ actorDisplayName: SAMPLE_PEOPLE.alice.displayName });
    expect(body.canonical).not.toContain(SAMPLE_PEOPLE.alice.displayName);
    expect(body.entry.actor).toMatchObject({
      tenant: SAMPLE_TENANTS.home.id,
      subject: SAMPLE_PEOPLE.alice.objectId,
      clientApp: SAMPLE_APPS['sample-web-app'].clientId,
    });
  });

  it('200: ignores the case of the id', async () => {
    expect(
      (await getAudit(service(), 'grace', `entries/${receipts.alice.id.toUpperCase()}`)).status,
    ).toBe(200);
  });

  it.each([
    ['an unknown id', '01890a5d-ac96-774b-bcce-b302099a8057'],
    ['a UUID of another version', 'b9a1f0a2-5d3c-4a52-8a0b-1f6f0d2f7c11'],
    ['an id of a time after the year 9999', 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
    ['an id of 1970', '00000000-0000-7000-8000-000000000000'],
  ])('404: finds no entry by %s', async (_what, id) => {
    for (const path of [`entries/${id}`, `entries/${id}/proof`]) {
      const { status, body } = await getAudit(service(), 'grace', path);
      expect(status).toBe(404);
      expect(body.type).toBe('urn:acs-identity:problem:audit-entry-not-found');
    }
  });

  it.each(['17', 'x', '..%2f..', '0'.repeat(36)])('400: refuses the id %s', async (id) => {
    expect((await getAudit(service(), 'grace', `entries/${id}`)).status).toBe(400);
  });

  it('401, 403: refuses calls without a token, and callers who are not auditors', async () => {
    const path = `/v1/audit/entries/${receipts.alice.id}`;
    expect((await call(service().url, 'get', path)).status).toBe(401);
    expect((await getAudit(service(), 'alice', `entries/${receipts.alice.id}`)).status).toBe(403);
  });
});

describe('GET /v1/audit/entries/{id}/proof', () => {
  it('200: proves the entry to this project’s verifier and to an independent verifier', async () => {
    const key = await publicKey(service());
    for (const { id, index } of Object.values(receipts)) {
      const { status, text, headers } = await getAudit(service(), 'grace', `entries/${id}/proof`);
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/plain; charset=utf-8');
      const { canonical } = (await getAudit(service(), 'grace', `entries/${id}`)).body;
      const verifier = NoteVerifier.parse(key);
      const trust = { origin: 'localhost/acs-identity', verifiers: [verifier] };
      expect(verifyProofFile(text, Buffer.from(canonical), trust).index).toBe(index);
      expect(isProven(canonical, text, key)).toBe(true);
    }
  });

  it('proves no other bytes, index or size', async () => {
    const key = await publicKey(service());
    const { text } = await getAudit(service(), 'grace', `entries/${receipts.alice.id}/proof`);
    const { canonical } = (await getAudit(service(), 'grace', `entries/${receipts.alice.id}`)).body;
    const { canonical: other } = (await getAudit(service(), 'grace', `entries/${receipts.bob.id}`))
      .body;
    expect(isProven(other, text, key)).toBe(false);
    expect(isProven(`${canonical} `, text, key)).toBe(false);
    expect(isProven(canonical, text.replace(/index (\d+)/, 'index 0'), key)).toBe(false);
    expect(isProven(canonical, text.replace(/\n(\d+)\n/, '\n1$1\n'), key)).toBe(false);
  });
});

describe('an auditor of another tenant', () => {
  it.each(['statistics?from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z', 'log/tile/entries/000'])(
    '403: is refused %s, and the refusal is recorded',
    async (path) => {
      const { status, body } = await getAudit(service(), 'ivan', path);
      expect(status).toBe(403);
      expect(body.type).toBe('urn:acs-identity:problem:audit-scope-exceeded');
      expect(await service().newestEntry()).toMatchObject({
        action: 'audit.read',
        outcome: 'denied',
        actor: { subject: SAMPLE_PEOPLE.ivan.objectId },
        reason: { code: 'audit-scope-exceeded' },
      });
    },
  );
});
