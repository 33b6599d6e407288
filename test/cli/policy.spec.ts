import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { acsIdentity, type CommandResult } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';
import { policyFile } from '../support/policy-file.js';
import { repositoryRoot } from '../support/root.js';

const guide = readFileSync(`${repositoryRoot}docs/issuance-policy.md`, 'utf8');
const example = /^```yaml\n([\s\S]+?)^```$/m.exec(guide)?.[1] ?? '';

const good = policyFile(example);
const bad = policyFile(example.replace('scopes: [voip.join]', 'scope: [voip.join]'));
const builtIn = policyFile('');

async function policy(
  args: readonly string[],
  environment: Record<string, string> = {},
  run = commandHere,
): Promise<CommandResult> {
  return run(['policy', ...args], { environment });
}

describe('acs-identity policy check', () => {
  it('accepts the example of the guide, and the built-in policy', async () => {
    expect(await policy(['check', good.path], {}, acsIdentity)).toMatchObject({
      code: 0,
      stderr: '',
    });
    const { code, stdout } = await policy(['check']);
    expect(code).toBe(0);
    expect(stdout).toContain('1 rule');
    builtIn.write((await policy(['default'])).stdout);
    expect((await policy(['check'], { POLICY_FILE: builtIn.path })).stdout).toBe(stdout);
  });

  it('lists every fault with its line', async () => {
    const { code, stderr } = await policy(['check', bad.path]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/line \d+: rules\.0\.allow\.scopes/);
    expect(stderr).toMatch(/line \d+: rules\.0\.allow: .*"scope"/);
  });
});

describe('acs-identity policy test', () => {
  const staff = ['--file', good.path, '--tenant', '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40001'];

  it('prints the grant and its rule', async () => {
    const { code, stdout } = await policy(['test', ...staff, '--scope', 'chat', 'voip']);
    expect(code).toBe(0);
    expect(stdout).toContain('allow (rule staff)');
    expect(stdout).toContain('scopes chat, voip');
    expect(stdout).toContain('lifetime 600 minutes');
  });

  it('prints the refusal and exits with 3', async () => {
    const guest = await policy(['test', ...staff, '--guest', '--scope', 'chat'], {}, acsIdentity);
    expect(guest.code).toBe(3);
    expect(guest.stdout).toContain('deny: scopes-not-allowed (rule guests)');
    expect(guest.stdout).toContain('allowed: voip.join');
    const unmatched = await policy(['test', '--file', good.path, '--tenant', 'elsewhere']);
    expect(unmatched.code).toBe(3);
    expect(unmatched.stdout).toContain('deny: no-rule-applies (no rule)');
  });

  it.each([
    ['--tenant', ' elsewhere', 'must not begin or end with a space'],
    ['--tenant', '', 'must name a tenant'],
    ['--tenant', '{5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40001}', 'without braces'],
    ['--client-app', '{b2c8d3e4-5f60-4b71-9c82-ad93be040003}', 'without braces'],
    ['--permission', 'CommunicationToken.Isue', 'is not a permission'],
  ])('decides nothing for %s %j, which no caller can have', async (option, value, why) => {
    const refused = await policy(['test', ...staff, option, value]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(option);
    expect(refused.stderr).toContain(why);
  });

  it('exits with 78 for an invalid policy', async () => {
    const { code, stdout } = await policy(['test', '--file', bad.path, '--tenant', 'a']);
    expect(code).toBe(78);
    expect(stdout).toBe('');
  });
});

describe('acs-identity policy schema', () => {
  it('prints the published schema', async () => {
    const published = readFileSync(`${repositoryRoot}docs/issuance-policy.schema.json`, 'utf8');
    expect(JSON.parse((await policy(['schema'])).stdout)).toEqual(JSON.parse(published));
  });
});
