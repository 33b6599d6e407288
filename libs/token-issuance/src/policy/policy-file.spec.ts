import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_POLICY } from './built-in-policy.js';
import { MAX_POLICY_BYTES, policyJsonSchema } from './policy-document.js';
import { InvalidPolicy, readPolicy } from './policy-file.js';

const RULE = `  - name: all
    when: anyone
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 120 }
`;
const POLICY = `version: 1\nscopes:\n  voip: {}\nrules:\n${RULE}`;

function faultsOf(text: string | Buffer): readonly string[] {
  try {
    readPolicy(text);
    return [];
  } catch (error) {
    if (error instanceof InvalidPolicy) return error.faults;
    throw error;
  }
}

describe('readPolicy', () => {
  it('reads a small policy, and the built-in one', () => {
    expect(readPolicy(POLICY).ruleNames).toEqual(['all']);
    expect(readPolicy(BUILT_IN_POLICY).knownScopes).toContain('chat.join.limited');
  });

  it('reads bytes of UTF-8 only, also behind a byte order mark', () => {
    expect(readPolicy(Buffer.from(`\ufeff${POLICY}`)).ruleNames).toEqual(['all']);
    expect(readPolicy(Buffer.from(POLICY)).version).toBe(readPolicy(POLICY).version);
    expect(faultsOf(Buffer.concat([Buffer.from(`${POLICY}# `), Buffer.of(0xff)]))).toEqual([
      'the file is not valid UTF-8',
    ]);
  });

  it('derives the version of a policy from its text', () => {
    expect(readPolicy(POLICY).version).toMatch(/^[0-9a-f]{32}$/);
    expect(readPolicy(POLICY).version).toBe(readPolicy(POLICY).version);
    expect(readPolicy(`${POLICY}# changed\n`).version).not.toBe(readPolicy(POLICY).version);
  });

  it.each([
    ['an unknown key', POLICY.replace('scopes: [voip]', 'scopes: [voip]\n      scope: [chat]')],
    ['a misspelt condition', POLICY.replace('anyone', '{ tenat: [a] }')],
    ['a condition without a value', POLICY.replace('anyone', '{ tenant: }')],
    ['an empty condition', POLICY.replace('anyone', '{ tenant: [] }')],
    ['no condition at all', POLICY.replace('when: anyone', 'when:')],
    ['an empty set of conditions', POLICY.replace('anyone', '{}')],
    ['a rule without when', POLICY.replace('    when: anyone\n', '')],
    ['a rule without scopes', POLICY.replace('      scopes: [voip]\n', '')],
    ['a rule without lifetimes', POLICY.replace(/ {6}lifetimeMinutes.*\n/, '')],
    ['a lifetime longer than ACS allows', POLICY.replace('120', '1441')],
    ['a lifetime as text', POLICY.replace('120', '"120"')],
    ['a lifetime with a fraction', POLICY.replace('120', '120.5')],
    ['lifetimes that are not ascending', POLICY.replace('shortest: 60', 'shortest: 90')],
    [
      'a default scope that is not allowed',
      POLICY.replace('defaultScopes: [voip]', 'defaultScopes: [chat]'),
    ],
    [
      'a scope that the policy does not list',
      POLICY.replace('scopes: [voip]', 'scopes: [voip, chat]'),
    ],
    ['an unknown mode', POLICY.replace('    when', '    mode: observe\n    when')],
    ['yes for true', POLICY.replace('scopes: [voip]', 'scopes: [voip]\n      reuse: yes')],
    ['two rules of one name', POLICY + RULE],
    ['no rules', POLICY.replace(RULE, '').replace('rules:', 'rules: []')],
    ['another version', POLICY.replace('version: 1', 'version: 2')],
    ['a repeated key', `${POLICY}version: 1\n`],
    ['a sunset that is no date', POLICY.replace('voip: {}', 'voip: { sunset: soon }')],
    ['an anchor', POLICY.replace('[voip]', '&a [voip]').replace('[voip]', '*a')],
    ['a merge key', POLICY.replace('    when', '    <<: { mode: audit }\n    when')],
    ['a tag', POLICY.replace('anyone', '!!js/function anyone')],
    ['a second document', `${POLICY}---\n${POLICY}`],
    ['a poisoned prototype', `${POLICY}__proto__: { reuse: true }\n`],
    ['an empty file', ''],
    ['a word', 'anyone'],
    ['a list', '[]'],
    ['a tab for indentation', POLICY.replace('    when', '\twhen')],
    ['a file cut in the middle of its last rule', POLICY.slice(0, -20)],
    ['a file that is too long', POLICY + '#'.repeat(MAX_POLICY_BYTES)],
    ['nesting that is too deep', `version: ${'['.repeat(20_000)}`],
    ['aliases that explode', 'a: &a [1,1]\nb: &b [*a,*a]\nc: &c [*b,*b]\nrules: [*c]'],
  ])('refuses %s', (_what, text) => {
    expect(text).not.toBe(POLICY);
    expect(faultsOf(text)).not.toEqual([]);
  });

  it.each([
    ['an empty file', '', 'the file is empty'],
    ['a file of comments', '# nothing yet\n', 'the file is empty'],
    ['a list', '[]', 'the file: must be an object'],
    ['no scopes', POLICY.replace(/scopes:[^]*?(?=rules:)/, ''), 'scopes: is missing'],
    [
      'scopes that are a text',
      POLICY.replace(/scopes:[^]*?(?=rules:)/, 'scopes: chat\n'),
      'line 2: scopes: must be an object',
    ],
    [
      'two rules of one name',
      POLICY + RULE,
      'line 11: rules.1.name: must not be the name of an earlier rule',
    ],
    [
      'a scope that the policy does not list',
      POLICY.replace('scopes: [voip]', 'scopes: [voip, chat]'),
      'line 8: rules.0.allow.scopes.1: must be listed under the scopes of the policy',
    ],
    [
      'a default scope that is not allowed, beside one that is',
      POLICY.replace('defaultScopes: [voip]', 'defaultScopes: [voip, chat]'),
      'line 9: rules.0.allow.defaultScopes: must be among scopes',
    ],
    [
      'a scope twice',
      POLICY.replace('scopes: [voip]', 'scopes: [voip, voip]'),
      'line 8: rules.0.allow.scopes: must not repeat a scope',
    ],
    [
      'lifetimes that are not ascending',
      POLICY.replace('shortest: 60', 'shortest: 90'),
      'line 10: rules.0.allow.lifetimeMinutes: must go up from shortest over default to longest',
    ],
    [
      'an empty set of conditions',
      POLICY.replace('anyone', '{}'),
      'line 6: rules.0.when: must hold a condition; a rule for everyone says `when: anyone`',
    ],
  ])('says of %s where it is and what is right', (_what, text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  it('reports every fault with its line', () => {
    const text = POLICY.replace('anyone', '{ tenat: [a] }').replace('120', '30');
    const faults = faultsOf(text);
    expect(faults).toContainEqual(expect.stringMatching(/^line 6: rules\.0\.when: .*tenat/));
    expect(faults).toContain(
      'line 10: rules.0.allow.lifetimeMinutes.longest: must be at least 60 minutes',
    );
  });
});

describe('docs/issuance-policy.schema.json', () => {
  it('equals the schema of the code; `acs-identity policy schema` writes it', async () => {
    const published = new URL('../../../../docs/issuance-policy.schema.json', import.meta.url);
    expect(JSON.parse(await readFile(published, 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(policyJsonSchema())),
    );
  });
});
