import { canonicalName } from '#libs/platform';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import type { Decision, PolicySubject, TokenOptions } from './issuance-policy.js';
import type { policyDocument } from './policy-document.js';
import { InvalidPolicy, readPolicy } from './policy-file.js';

/** A policy as written in its file. */
type Written = z.input<typeof policyDocument>;

const SCOPES = ['chat', 'chat.join', 'voip', 'voip.join'];
const TENANTS = ['tenant-a', 'tenant-b'];
const APPS = ['app-a', 'app-b'];
const PERMISSIONS = ['CommunicationToken.Issue', 'CommunicationToken.Issue.All'];
const KINDS = ['user', 'service', 'bot'] as const;

const lifetimes = fc
  .tuple(...[0, 1, 2].map(() => fc.integer({ min: 60, max: 1440 })))
  .map((three) => three.sort((a, b) => a - b))
  .map(([shortest, middle, longest]) => ({ shortest, default: middle, longest }));

const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.subarray([...values], { minLength: 1 });

const conditions = fc
  .record(
    {
      kind: some(KINDS),
      tenant: some(TENANTS),
      clientApp: some(APPS),
      permission: some(PERMISSIONS),
      guest: fc.boolean(),
      forOthers: fc.boolean(),
    },
    { requiredKeys: [] },
  )
  .map((all) => (Object.keys(all).length === 0 ? 'anyone' : all));

const allowances = some(SCOPES).chain((scopes) =>
  fc.record(
    {
      scopes: fc.constant(scopes),
      defaultScopes: some(scopes),
      lifetimeMinutes: lifetimes,
      reuse: fc.boolean(),
      tokensPerHour: fc.integer({ min: 1, max: 1000 }),
      teamsTokens: fc.boolean(),
    },
    { requiredKeys: ['scopes', 'defaultScopes', 'lifetimeMinutes'] },
  ),
);

const policies = fc
  .array(
    fc.record(
      { mode: fc.constantFrom('enforce', 'audit'), when: conditions, allow: allowances },
      { requiredKeys: ['when', 'allow'] },
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((rules) => ({
    version: 1,
    scopes: Object.fromEntries(SCOPES.map((scope) => [scope, {}])),
    rules: rules.map((rule, index) => ({ name: `rule-${index}`, ...rule })),
  }));

const subjects: fc.Arbitrary<PolicySubject> = fc.record({
  kind: fc.constantFrom(...KINDS),
  tenant: fc.constantFrom(...TENANTS, 'tenant-c').map(canonicalName),
  clientApp: fc.option(fc.constantFrom(...APPS).map(canonicalName), { nil: undefined }),
  permissions: fc.subarray(PERMISSIONS),
  isGuest: fc.boolean(),
  isForOthers: fc.boolean(),
});

const tokenOptions: fc.Arbitrary<TokenOptions> = fc.record(
  {
    scopes: fc.array(fc.oneof(fc.constantFrom(...SCOPES), fc.string()), { maxLength: 5 }),
    expiresInMinutes: fc.oneof(fc.integer({ min: -10, max: 3000 }), fc.double()),
  },
  { requiredKeys: [] },
);

/** The deciding rule of a policy's text, by a second and simpler implementation. */
function allowedBy(
  document: Written,
  subject: PolicySubject,
): Written['rules'][number] | undefined {
  return document.rules.find(({ mode = 'enforce', when }) => {
    if (mode !== 'enforce') return false;
    if (when === 'anyone') return true;
    const isIn = (list: readonly string[] | undefined, value: string | undefined): boolean =>
      !list || (value !== undefined && list.map((one) => one.toLowerCase()).includes(value));
    return [
      isIn(when.kind, subject.kind),
      isIn(when.tenant, subject.tenant),
      isIn(when.clientApp, subject.clientApp),
      !when.permission?.every((one) => !subject.permissions.includes(one)),
      when.guest === undefined || (!subject.isForOthers && when.guest === subject.isGuest),
      when.forOthers === undefined || when.forOthers === subject.isForOthers,
    ].every(Boolean);
  });
}

/** A grant is what was requested, within what the text allows. */
function expectWithin(
  decision: Decision,
  text: string,
  subject: PolicySubject,
  options: TokenOptions,
): void {
  if (!('grant' in decision)) return;
  const rule = allowedBy(parse(text) as Written, subject);
  expect(rule?.name).toBe(decision.rule);
  const { scopes, expiresInMinutes } = decision.grant;
  const { allow } = rule ?? expect.unreachable();
  expect(allow.scopes).toEqual(expect.arrayContaining([...scopes]));
  expect(expiresInMinutes).toBeGreaterThanOrEqual(Math.max(60, allow.lifetimeMinutes.shortest));
  expect(expiresInMinutes).toBeLessThanOrEqual(Math.min(1440, allow.lifetimeMinutes.longest));
  expect(new Set(scopes)).toEqual(new Set(options.scopes ?? allow.defaultScopes));
  expect(expiresInMinutes).toBe(options.expiresInMinutes ?? allow.lifetimeMinutes.default);
  expect(decision.grant.isReusable).toBe(allow.reuse ?? false);
  expect(decision.grant.tokensPerHour).toBe(allow.tokensPerHour);
}

/** Mistakes of a person, an editor or a disk. */
const damages = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.integer({ min: 0, max: 12 }),
    insert: fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom(
        '\n',
        '  ',
        ': ',
        '- ',
        '[',
        ']',
        '{}',
        '#',
        '*',
        '&a',
        '<<',
        'null',
        '~',
        '0',
        '.',
        '!!str ',
        '---',
        '\u0000',
      ),
      fc.constantFrom(
        'anyone',
        'when',
        'mode: audit',
        'enforce',
        'scopes',
        'longest',
        '9999',
        'true',
      ),
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

function damaged(
  text: string,
  mistakes: readonly { at: number; remove: number; insert: string }[],
): string {
  return mistakes.reduce((current, { at, remove, insert }) => {
    const place = Math.floor(at * current.length);
    return current.slice(0, place) + insert + current.slice(place + remove);
  }, text);
}

function policyOf(text: string): ReturnType<typeof readPolicy> | undefined {
  try {
    return readPolicy(text);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidPolicy);
    return undefined;
  }
}

describe('any policy', () => {
  it('grants exactly what was requested, and no more than the rule that applies allows', () => {
    fc.assert(
      fc.property(policies, subjects, tokenOptions, (document, subject, options) => {
        const text = stringify(document);
        expectWithin(readPolicy(text).decide(subject, options), text, subject, options);
      }),
      { numRuns: 250 },
    );
  });

  it('grants or refuses, and never throws', () => {
    fc.assert(
      fc.property(policies, subjects, tokenOptions, (document, subject, options) => {
        const decision = readPolicy(stringify(document)).decide(subject, options);
        expect('grant' in decision || decision.refusal.status === 403).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a damaged policy file', () => {
  it('is refused, or grants no more than its text allows', () => {
    fc.assert(
      fc.property(
        policies,
        damages,
        subjects,
        tokenOptions,
        (document, mistakes, subject, options) => {
          const text = damaged(stringify(document), mistakes);
          const policy = policyOf(text);
          if (policy) expectWithin(policy.decide(subject, options), text, subject, options);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is refused when a key is misspelt, so that no condition is lost', () => {
    fc.assert(
      fc.property(policies, fc.nat(), fc.nat(), (document, which, where) => {
        const text = stringify(document);
        const keys = [...text.matchAll(/^[ -]*([a-zA-Z]+):/gm)].filter(
          // Names of scopes are data: one that no rule names changes nothing.
          ([, key = '']) => !SCOPES.includes(key),
        );
        const key = keys[which % keys.length] ?? expect.unreachable();
        const [line, word = ''] = key;
        const start = key.index + line.length - 1 - word.length;
        const at = start + (where % word.length);
        expect(policyOf(`${text.slice(0, at)}_${text.slice(at)}`)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('is refused for any other text, and never throws another error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expect(policyOf(text)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});
