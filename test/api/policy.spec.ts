import { describe, expect, it } from 'vitest';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { policyFile } from '../support/policy-file.js';
import type { SampleCaller } from '../support/service.js';
import { requestToken } from '../support/tokens-api.js';

const POLICY = `
version: 1
scopes:
  voip: {}
  voip.join: {}
  chat: { sunset: 2028-09-30, link: https://example.com/after-chat }
rules:
  - name: guests
    when: { guest: true }
    allow:
      scopes: [voip.join]
      defaultScopes: [voip.join]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
  - name: three-an-hour
    when: { kind: [bot] }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      tokensPerHour: 3
  - name: tried-out
    mode: audit
    when: { kind: [user] }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 120 }
  - name: users
    when: { kind: [user] }
    allow:
      scopes: [voip, chat]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 90, longest: 480 }
`;

const file = policyFile(POLICY);
const service = runningService({
  replicas: 2,
  environment: { POLICY_FILE: file.path, POLICY_REFRESH_SECONDS: '1' },
});

async function lastEntry(): Promise<Record<string, unknown>> {
  return (await service().newestEntry()) as unknown as Record<string, unknown>; // all members
}

describe('POST /v1/me/tokens under a policy', () => {
  it('200: applies the rule’s defaults, and records rule and policy version', async () => {
    const { status, body } = await requestToken(service(), 'alice');
    expect(status).toBe(200);
    expect(body.scopes).toEqual(['voip']);
    const minutes = (Date.parse(body.expiresOn) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(88);
    expect(minutes).toBeLessThan(91);
    expect((await service().auditEntries())[body.auditEntry.index]).toMatchObject({
      action: 'token.issue',
      policy: { rule: 'users', version: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    });
  });

  it('200: announces the sunset of a scope in headers and metrics', async () => {
    const { headers } = await requestToken(service(), 'alice', { scopes: ['voip', 'chat'] });
    expect(headers.sunset).toBe('Sat, 30 Sep 2028 00:00:00 GMT');
    expect(headers['token-scope-sunset']).toBe('chat="2028-09-30"');
    expect(headers.link).toBe('<https://example.com/after-chat>; rel="sunset"');
    const metrics = await (await fetch(`${service().url}/metrics`)).text();
    expect(metrics).toMatch(/token_scope_sunset_days\{scope="chat"\} \d+/);
    expect(metrics).toMatch(/token_scope_sunset_issued_total\{scope="chat"\} [1-9]/);
    expect((await requestToken(service(), 'alice')).headers.sunset).toBeUndefined();
  });

  it('200: records the decision of a rule in audit mode', async () => {
    const { status, body } = await requestToken(service(), 'bob', { expiresInMinutes: 480 });
    expect(status).toBe(200);
    expect((await service().auditEntries())[body.auditEntry.index]).toMatchObject({
      policy: { rule: 'users' },
      details: { trials: ['tried-out: lifetime-not-allowed'] },
    });
  });

  it('403: refuses a scope that the rule does not allow, names those it allows, and records the refusal', async () => {
    const { status, body } = await requestToken(service(), 'carol', { scopes: ['voip'] });
    expect(status).toBe(403);
    expect(body).toMatchObject({
      type: 'urn:acs-identity:problem:scopes-not-allowed',
      allowedScopes: ['voip.join'],
      allowedLifetimeMinutes: { shortest: 60, longest: 60 },
    });
    expect(body).not.toHaveProperty('token');
    expect(await lastEntry()).toMatchObject({
      action: 'token.issue',
      outcome: 'denied',
      reason: { code: 'scopes-not-allowed' },
      policy: { rule: 'guests' },
    });
  });

  it('403: refuses a longer lifetime instead of shortening it', async () => {
    const { status, body } = await requestToken(service(), 'alice', { expiresInMinutes: 481 });
    expect(status).toBe(403);
    expect(body.type).toBe('urn:acs-identity:problem:lifetime-not-allowed');
  });

  it('403: refuses a caller whom no rule matches, before a mapping is created', async () => {
    const { status, body } = await requestToken(service(), 'crm-service');
    expect(status).toBe(403);
    expect(body.type).toBe('urn:acs-identity:problem:no-rule-applies');
    expect(await service().rows(`SELECT FROM mapping WHERE kind = 'service'`)).toEqual([]);
    expect(await lastEntry()).toMatchObject({ outcome: 'denied', policy: { rule: 'none' } });
  });

  it('429: counts an identity’s tokens across replicas, and returns the time until the next in Retry-After', async () => {
    const answers = [];
    for (const replica of [0, 1, 0, 1])
      answers.push(await requestToken(service(), 'support-bot', {}, service().urlOf(replica)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    const last = answers.at(-1);
    expect(last?.body).toMatchObject({
      type: 'urn:acs-identity:problem:token-quota-exceeded',
      tokensPerHour: 3,
    });
    expect(Number(last?.headers['retry-after'])).toBeGreaterThan(3_500);
    expect(Number(last?.headers['retry-after'])).toBeLessThanOrEqual(3_600);
  });
});

describe('POST /v1/policy/evaluate', () => {
  const evaluate = async (who: SampleCaller, body: unknown) =>
    call(service().url, 'post', '/v1/policy/evaluate', { token: await service().token(who), body });
  const subject = { kind: 'user', tenant: SAMPLE_TENANTS.home.id };

  it('200: returns the grant, without issuing or recording anything', async () => {
    const before = await service().newestEntry();
    const { status, body } = await evaluate('ada', { subject, expiresInMinutes: 480 });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      outcome: 'allow',
      rule: 'users',
      grant: { scopes: ['voip'], expiresInMinutes: 480, reuse: false },
      trials: [{ rule: 'tried-out', outcome: 'lifetime-not-allowed' }],
    });
    expect(await service().newestEntry()).toEqual(before);
  });

  it('200: returns the refusal, and what is allowed instead', async () => {
    const { status, body } = await evaluate('ada', {
      subject: { ...subject, guest: true },
      scopes: ['chat'],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      outcome: 'deny',
      rule: 'guests',
      refusal: { code: 'scopes-not-allowed', allowedScopes: ['voip.join'] },
    });
  });

  it.each([
    ['no subject', {}],
    ['another tenant', { subject: { ...subject, tenant: SAMPLE_TENANTS.second.id } }],
    ['a missing tenant', { subject: { ...subject, tenant: 'anywhere' } }],
    ['an unknown kind', { subject: { ...subject, kind: 'robot' } }],
    ['an unknown member', { subject, rule: 'users' }],
  ])('400: refuses %s', async (_what, body) => {
    expect((await evaluate('ada', body)).status).toBe(400);
  });

  it('401, 403: refuses calls without a token, and callers without the permission', async () => {
    const anonymous = await call(service().url, 'post', '/v1/policy/evaluate', {
      body: { subject },
    });
    expect(anonymous.status).toBe(401);
    expect((await evaluate('alice', { subject })).status).toBe(403);
  });
});

describe('a change of the policy file', () => {
  it('takes effect in every replica without a restart; an invalid file does not; both are recorded', async () => {
    file.write(POLICY.replace('longest: 480', 'longest: 600'));
    const statuses = async () =>
      Promise.all(
        [0, 1].map(
          async (at) =>
            (await requestToken(service(), 'alice', { expiresInMinutes: 600 }, service().urlOf(at)))
              .status,
        ),
      );
    await expect.poll(statuses).toEqual([200, 200]);

    file.write(POLICY.replace('longest: 480', 'lognest: 480'));
    const refusals = async () =>
      (await service().auditEntries()).filter(
        ({ action, outcome }) => action === 'policy.load' && outcome === 'failure',
      ).length;
    await expect.poll(refusals).toBe(2);
    expect(await statuses()).toEqual([200, 200]);
    expect(await (await fetch(`${service().url}/metrics`)).text()).toContain(
      'issuance_policy_file_good 0',
    );
  });
});
