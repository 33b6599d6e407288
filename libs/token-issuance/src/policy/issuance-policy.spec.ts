import { canonicalName } from '#libs/platform';
import { describe, expect, it } from 'vitest';
import { TokenQuotaExceeded } from './errors.js';
import type { PolicySubject, TokenOptions } from './issuance-policy.js';
import { readPolicy } from './policy-file.js';

const HOME = '5d3f0c5e-0000-4000-8000-000000000001';
const OTHER = '5d3f0c5e-0000-4000-8000-000000000002';
const WEB = 'b2c8d3e4-0000-4000-8000-000000000001';

const POLICY = `
version: 1
scopes:
  voip: {}
  voip.join: {}
  chat: { sunset: 2028-09-30, link: https://example.com/chat }
rules:
  - name: guests
    when: { guest: true }
    allow:
      scopes: [voip.join]
      defaultScopes: [voip.join]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      tokensPerHour: 4
  - name: shorter-days
    mode: audit
    when: { kind: [user] }
    allow:
      scopes: [voip, chat]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 480 }
  - name: web-users
    when: { kind: [user], clientApp: [${WEB.toUpperCase()}], tenant: [${HOME}] }
    allow:
      scopes: [voip, chat]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 120, longest: 1440 }
      reuse: true
      teamsTokens: true
  - name: for-others
    when: { forOthers: true, permission: [CommunicationToken.Issue.All] }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 120 }
  - name: bots
    when: { kind: [bot, service], forOthers: false }
    allow:
      scopes: [voip, voip.join, chat]
      defaultScopes: [voip, chat]
      lifetimeMinutes: { shortest: 720, default: 1440, longest: 1440 }
`;
const policy = readPolicy(POLICY);

const user: PolicySubject = {
  kind: 'user',
  tenant: canonicalName(HOME),
  clientApp: canonicalName(WEB),
  permissions: ['CommunicationToken.Issue'],
  isGuest: false,
  isForOthers: false,
};
const guest = { ...user, isGuest: true };
const bot: PolicySubject = { ...user, kind: 'bot', clientApp: undefined };
const crm: PolicySubject = {
  ...user,
  clientApp: canonicalName(OTHER),
  isForOthers: true,
  permissions: ['CommunicationToken.Issue', 'CommunicationToken.Issue.All'],
};

function decide(subject: PolicySubject, options: TokenOptions = {}): object {
  const {
    evaluatedRules: _evaluatedRules,
    version: _version,
    rule,
    ...decision
  } = policy.decide(subject, options);
  if ('grant' in decision) {
    const { scopes, expiresInMinutes } = decision.grant;
    return { rule, scopes, minutes: expiresInMinutes };
  }
  return { rule, refused: decision.refusal.code };
}

describe('IssuancePolicy', () => {
  it.each<[string, PolicySubject, TokenOptions, object]>([
    ['a guest, the default', guest, {}, { rule: 'guests', scopes: ['voip.join'], minutes: 60 }],
    [
      'a guest, more scopes',
      guest,
      { scopes: ['voip.join', 'voip'] },
      { rule: 'guests', refused: 'scopes-not-allowed' },
    ],
    [
      'a guest, longer',
      guest,
      { expiresInMinutes: 61 },
      { rule: 'guests', refused: 'lifetime-not-allowed' },
    ],
    ['a user, the default', user, {}, { rule: 'web-users', scopes: ['voip'], minutes: 120 }],
    [
      'a user, scopes in any order and twice',
      user,
      { scopes: ['voip', 'chat', 'voip'] },
      { rule: 'web-users', scopes: ['chat', 'voip'], minutes: 120 },
    ],
    [
      'a user, all day',
      user,
      { expiresInMinutes: 1440 },
      { rule: 'web-users', scopes: ['voip'], minutes: 1440 },
    ],
    [
      'a user, a scope of another rule',
      user,
      { scopes: ['voip.join'] },
      { rule: 'web-users', refused: 'scopes-not-allowed' },
    ],
    [
      'a user, no scope',
      user,
      { scopes: [] },
      { rule: 'web-users', refused: 'scopes-not-allowed' },
    ],
    [
      'a user, a name of Object’s',
      user,
      { scopes: ['constructor'] },
      { rule: 'web-users', refused: 'scopes-not-allowed' },
    ],
    [
      'a user, a tenant in capitals',
      { ...user, tenant: canonicalName(HOME.toUpperCase()) },
      {},
      { rule: 'web-users', scopes: ['voip'], minutes: 120 },
    ],
    [
      'a user of another tenant',
      { ...user, tenant: canonicalName(OTHER) },
      {},
      { rule: undefined, refused: 'no-rule-applies' },
    ],
    [
      'a user of another application',
      { ...user, clientApp: canonicalName(OTHER) },
      {},
      { rule: undefined, refused: 'no-rule-applies' },
    ],
    [
      'a user of an unnamed application',
      { ...user, clientApp: undefined },
      {},
      { rule: undefined, refused: 'no-rule-applies' },
    ],
    ['a bot, the default', bot, {}, { rule: 'bots', scopes: ['chat', 'voip'], minutes: 1440 }],
    [
      'a bot, shorter than its rule allows',
      bot,
      { expiresInMinutes: 60 },
      { rule: 'bots', refused: 'lifetime-not-allowed' },
    ],
    [
      'for others, with the permission',
      crm,
      {},
      { rule: 'for-others', scopes: ['voip'], minutes: 60 },
    ],
    [
      'for others, without it',
      { ...crm, permissions: ['CommunicationToken.Issue'] },
      {},
      { rule: undefined, refused: 'no-rule-applies' },
    ],
    [
      'for itself, with the permission for others',
      { ...crm, isForOthers: false },
      {},
      { rule: undefined, refused: 'no-rule-applies' },
    ],
    [
      'for others by a guest: the condition guest never matches',
      { ...crm, isGuest: true },
      {},
      { rule: 'for-others', scopes: ['voip'], minutes: 60 },
    ],
    [
      'for a bot by others',
      { ...bot, isForOthers: true },
      {},
      { rule: undefined, refused: 'no-rule-applies' },
    ],
  ])('decides for %s', (_what, subject, options, expected) => {
    expect(decide(subject, options)).toEqual(expected);
  });

  it('names in a refusal what is allowed', () => {
    const decision = policy.decide(guest, { scopes: ['chat'] });
    if (!('refusal' in decision)) expect.unreachable();
    const allowed = {
      allowedScopes: ['voip.join'],
      allowedLifetimeMinutes: { shortest: 60, longest: 60 },
    };
    expect(decision.refusal).toMatchObject({
      status: 403,
      detail: 'Requested: chat; allowed: voip.join.',
      members: allowed,
      facts: { rule: 'guests' },
    });
    expect(policy.decide(guest, { expiresInMinutes: 90 })).toMatchObject({
      refusal: {
        detail: 'Requested: 90 minutes; allowed: 60 to 60.',
        members: allowed,
        facts: { rule: 'guests' },
      },
    });
    const unknown = { ...user, tenant: canonicalName(OTHER) };
    expect(policy.decide(unknown, {})).toMatchObject({
      refusal: { members: { allowedScopes: [] } },
    });
    const several = policy.decide(user, { scopes: ['voip.join', 'voip'] });
    expect(several).toMatchObject({
      refusal: { detail: 'Requested: voip, voip.join; allowed: voip, chat.' },
    });
  });

  it('grants with the limits of the rule, and says whether the lifetime was requested', () => {
    const limits = { lifetimeMinutes: { shortest: 60, longest: 1440 }, isReusable: true };
    expect(policy.decide(user, {})).toMatchObject({
      grant: { ...limits, isLifetimeRequested: false, tokensPerHour: undefined },
    });
    expect(policy.decide(user, { expiresInMinutes: 120 })).toMatchObject({
      grant: { ...limits, isLifetimeRequested: true },
    });
    expect(policy.decide(guest, {})).toMatchObject({ grant: { tokensPerHour: 4 } });
  });

  it('matches a rule by one of several permissions', () => {
    const several = readPolicy(
      POLICY.replace('[CommunicationToken.Issue.All]', '[Other, CommunicationToken.Issue.All]'),
    );
    expect(several.decide(crm, {})).toMatchObject({ rule: 'for-others' });
  });

  it('knows whether a rule lets tokens be reused', () => {
    expect(policy.hasReuse).toBe(true);
    expect(readPolicy(POLICY.replace('reuse: true', 'reuse: false')).hasReuse).toBe(false);
  });

  it('reports the decisions of rules in audit mode, which decide nothing', () => {
    expect(policy.decide(user, { expiresInMinutes: 1440 })).toMatchObject({
      rule: 'web-users',
      evaluatedRules: [{ rule: 'shorter-days', outcome: 'lifetime-not-allowed' }],
    });
    expect(policy.decide({ ...user, tenant: canonicalName(OTHER) }, {})).toMatchObject({
      rule: undefined,
      evaluatedRules: [{ rule: 'shorter-days', outcome: 'allow' }],
    });
    expect(policy.decide(bot, {}).evaluatedRules).toEqual([]);
  });

  it('allows the exchange of Teams tokens only if the rule does', () => {
    expect(policy.decideTeamsExchange(user)).toMatchObject({
      rule: 'web-users',
      grant: { tokensPerHour: undefined },
    });
    expect(policy.decideTeamsExchange(guest)).toMatchObject({
      rule: 'guests',
      refusal: { code: 'teams-tokens-not-allowed', facts: { rule: 'guests' } },
    });
  });

  it('allows an exchange of the client library only if the rule names it', () => {
    const exchanging = readPolicy(
      POLICY.replace('tokensPerHour: 4', 'tokensPerHour: 4\n      exchanges: [teams-extension]'),
    );
    expect(exchanging.decideClientExchange(guest, 'teams-extension')).toMatchObject({
      rule: 'guests',
      grant: { tokensPerHour: 4 },
    });
    expect(exchanging.decideClientExchange(guest, 'entra')).toMatchObject({
      refusal: { code: 'exchange-not-allowed', facts: { rule: 'guests' } },
    });
    expect(exchanging.decideClientExchange(user, 'teams-extension')).toMatchObject({
      refusal: { code: 'exchange-not-allowed', facts: { rule: 'web-users' } },
    });
  });

  it('reports the sunsets of scopes', () => {
    const policy = readPolicy(POLICY);
    expect(policy.sunsetsOf()).toHaveLength(1);
    expect(policy.sunsetsOf(['voip', 'chat'])).toEqual([
      {
        scope: 'chat',
        sunsetAt: new Date('2028-09-30T00:00:00Z'),
        link: 'https://example.com/chat',
      },
    ]);
    expect(policy.sunsetsOf(['voip'])).toEqual([]);
  });
});

describe('the policy for visitors', () => {
  const allowing = (name: string, when: string, scopes: string): string => `
  - name: ${name}
    when: ${when}
    allow:
      scopes: ${scopes}
      defaultScopes: ${scopes}
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      reuse: true
      tokensPerHour: 4`;
  const policyOf = (...rules: readonly string[]) =>
    readPolicy(
      `version: 1\nscopes: { voip: {}, voip.join: {}, chat: {} }\nrules:${rules.join('')}\n`,
    );
  const visitor: PolicySubject = {
    kind: 'visitor',
    tenant: canonicalName(HOME),
    permissions: [],
    isGuest: true,
    isForOthers: false,
  };
  const anyone = allowing('anyone', 'anyone', '[voip, voip.join, chat]');

  it('gives them no more than joining by a rule that is not about them, and nothing to reuse', () => {
    const policy = policyOf(allowing('people', '{ kind: [user] }', '[chat]'), anyone);
    expect(policy.decide(visitor, {})).toMatchObject({
      rule: 'anyone',
      grant: { scopes: ['voip.join'], isReusable: false, tokensPerHour: undefined },
    });
    const more = policy.decide(visitor, { scopes: ['voip'] });
    expect(more).toMatchObject({ refusal: { code: 'scopes-not-allowed' } });
    const none = policyOf(allowing('chat', 'anyone', '[chat]')).decide(visitor, {});
    expect(none).toMatchObject({ refusal: { code: 'scopes-not-allowed' } });
  });

  it('gives them what a rule about visitors says, and nobody else by it', () => {
    const policy = policyOf(allowing('visitors', '{ visitor: true }', '[voip.join, chat]'));
    expect(policy.decide(visitor, {})).toMatchObject({
      grant: { scopes: ['chat', 'voip.join'], isReusable: false },
    });
    expect(policy.decide(user, {})).toMatchObject({ refusal: { code: 'no-rule-applies' } });
  });

  it('gives them nothing by a rule for everybody else', () => {
    const policy = policyOf(allowing('staff', '{ visitor: false }', '[voip]'));
    expect(policy.decide(visitor, {})).toMatchObject({ refusal: { code: 'no-rule-applies' } });
    expect(policy.decide(user, {})).toMatchObject({ rule: 'staff' });
  });
});

describe('TokenQuotaExceeded', () => {
  it('says how many tokens an hour the rule gives, and when to come back', () => {
    expect(new TokenQuotaExceeded(4, 90)).toMatchObject({
      ...{ status: 429, retryAfterSeconds: 90 },
      detail: 'The policy gives this identity 4 new tokens in 60 minutes.',
      members: { tokensPerHour: 4 },
      facts: { tokensPerHour: 4 },
    });
  });
});
