import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import {
  type GuardedApplication,
  startGuardedApplication,
} from '../testing/guarded-application.js';
import {
  ALICE,
  AUDIENCE,
  CLIENT_APP,
  type JsonObject,
  TENANT,
  TestIssuer,
} from '../testing/test-issuer.js';

const OPEN_ID = 'https://id.example.test';
let guarded: GuardedApplication<ManualClock>;
let issuer: TestIssuer;

beforeAll(async () => {
  const openId = {
    issuer: OPEN_ID,
    audiences: ['acs'],
    tenant: 'customers',
    algorithms: ['ES256'],
  };
  guarded = await startGuardedApplication({
    clock: new ManualClock(Date.now()),
    environment: { TRUSTED_ISSUERS: JSON.stringify([openId]) },
  });
  issuer = new TestIssuer(() => guarded.clock.now());
  issuer.publish(guarded.source);
  await guarded.clock.advance(60_000);
});

afterAll(async () => {
  await guarded.app.close();
});

beforeEach(() => {
  guarded.logger.lines.length = 0;
});

async function send(token: string, path = 'whoami', method = 'GET'): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'x-request-id': 'order-4711' };
  return (await fetch(`${guarded.url}/${path}`, { method, headers })).status;
}

const lines = (): object[] =>
  guarded.logger.lines.filter(({ message }) => message.startsWith('caller'));

async function refusals(reason: string): Promise<number> {
  const metric = guarded.app.get(Registry).getSingleMetric('authentication_refusals_total');
  const values = (await metric?.get())?.values ?? [];
  return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
}

describe('RefusalLog', () => {
  const token =
    (claims: JsonObject = {}, header: JsonObject = {}) =>
    (): string =>
      issuer.token(claims, header);
  const hours = (count: number): number => Math.floor(guarded.clock.now() / 1000) + count * 3600;

  it.each<[string, () => string, unknown, unknown]>([
    ['malformed-token', () => 'opaque-reference-token', 'a signed JWT', 'an opaque token'],
    ['malformed-token', () => 'a.b.c.d.e', 'a signed JWT', 'an encrypted token'],
    ['audience', token({ aud: `api://${ALICE}` }), [AUDIENCE], `api://${ALICE}`],
    ['version-not-allowed', token({ ver: '1.0' }), ['2.0'], '1.0'],
    [
      'issuer-not-trusted',
      token({ iss: 'https://x.test', tid: ALICE }),
      [OPEN_ID, `https://login.test/${TENANT}`],
      'https://x.test',
    ],
    [
      'issuer-not-trusted',
      token({ iss: `https://login.test/${TENANT}/` }),
      `https://login.test/${TENANT}/v2.0`,
      `https://login.test/${TENANT}/`,
    ],
    ['algorithm-not-allowed', token({}, { alg: 'none' }), 'RS256', 'none'],
    ['algorithm-not-allowed', token({ iss: OPEN_ID }), ['ES256'], 'RS256'],
    ['type-not-allowed', token({}, { typ: undefined }), 'JWT', 'none'],
    ['sender-constrained', token({ cnf: { jkt: 'x' } }), 'a bearer token', 'cnf jkt'],
    [
      'lifetime-too-long',
      () => issuer.token({ exp: hours(25) }),
      'at most 86700 s',
      `${25 * 3600} s`,
    ],
    [
      'expired',
      () => issuer.token({ iat: hours(-3), nbf: hours(-3), exp: hours(-2) }),
      expect.stringMatching(/^exp after \d{4}-.*Z$/),
      expect.stringMatching(/^\d{4}-.*Z$/),
    ],
    ['not-an-access-token', token({ nonce: 'n' }), 'an access token', 'a nonce, as in ID tokens'],
  ])('says at info what was expected and what came: %s', async (reason, make, ...values) => {
    const before = await refusals(reason);
    expect(await send(make())).toBe(401);
    const [expected, actual] = values;
    const fields = { requestId: 'order-4711', reason, expected, actual };
    expect(lines()).toMatchObject([{ level: 'info', message: 'caller refused', fields }]);
    expect(await refusals(reason)).toBe(before + 1);
  });

  it('says which permission a caller lacks, and that a route is for people', async () => {
    expect(await send(issuer.token({ scp: 'User.Read' }))).toBe(403);
    const app = issuer.token(TestIssuer.appOnly(['CommunicationToken.Issue']));
    expect(await send(app, 'delegated', 'POST')).toBe(403);
    const permission = 'CommunicationToken.Issue';
    expect(lines()).toMatchObject([
      { fields: { reason: 'insufficient-permission', expected: permission, actual: [] } },
      { fields: { reason: 'delegation-missing', expected: 'user', actual: 'service' } },
    ]);
  });

  it('has no token, no person and no control character in a line', async () => {
    const texts = ['api://x\r\ninjected', 'ключ', 'x'.repeat(5_000), ['a'], { a: 1 }, null];
    for (const aud of texts) await send(issuer.token({ aud }));
    const sent = issuer.token({ azp: CLIENT_APP, aud: 'x' });
    await send(sent);
    const written = JSON.stringify(lines());
    expect(written.length).toBeLessThan(texts.length * 600);
    expect(written).not.toMatch(/injected\\n|\\r|ключ|Alice|pairwise/);
    expect(written).not.toContain(ALICE);
    for (const part of sent.split('.')) expect(written).not.toContain(part);
  });

  it('bounds the lines of a flood, and counts exactly', async () => {
    const before = await refusals('version-not-allowed');
    for (let n = 0; n < 50; n += 1) await send(issuer.token({ ver: `1.${n}` }));
    expect(lines().length).toBeLessThanOrEqual(20);
    expect(await refusals('version-not-allowed')).toBe(before + 50);
  });
});
