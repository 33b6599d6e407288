import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { policyFile } from '../support/policy-file.js';

const root = new URL('../../', import.meta.url);
const command = fileURLToPath(new URL('dist/bin/acs-identity.js', root));
const guide = readFileSync(new URL('docs/issuance-policy.md', root), 'utf8');
const example = /^```yaml\n([\s\S]+?)^```$/m.exec(guide)?.[1] ?? '';

const good = policyFile(example);
const bad = policyFile(example.replace('scopes: [voip.join]', 'scope: [voip.join]'));
const builtIn = policyFile('');

interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function policy(args: readonly string[], environment: Record<string, string> = {}) {
  const run = promisify(execFile)(process.execPath, [command, 'policy', ...args], {
    env: { PATH: process.env.PATH, ...environment },
  });
  return run.then(
    ({ stdout, stderr }): Ending => ({ code: 0, stdout, stderr }),
    (error: unknown) => error as Ending, // execFile adds these members to its error
  );
}

describe('acs-identity policy check', () => {
  it('takes the example of the guide, and the built-in policy', async () => {
    expect(await policy(['check', good.path])).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout } = await policy(['check']);
    expect(code).toBe(0);
    expect(stdout).toContain('1 rule');
    builtIn.write((await policy(['default'])).stdout);
    expect((await policy(['check'], { POLICY_FILE: builtIn.path })).stdout).toBe(stdout);
  });

  it('names every fault with its line', async () => {
    const { code, stderr } = await policy(['check', bad.path]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/line \d+: rules\.0\.allow\.scopes/);
    expect(stderr).toMatch(/line \d+: rules\.0\.allow: .*"scope"/);
  });
});

describe('acs-identity policy test', () => {
  const staff = ['--file', good.path, '--tenant', '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40001'];

  it('says what is granted, and by which rule', async () => {
    const { code, stdout } = await policy(['test', ...staff, '--scope', 'chat', 'voip']);
    expect(code).toBe(0);
    expect(stdout).toContain('allow (rule staff)');
    expect(stdout).toContain('scopes chat, voip');
    expect(stdout).toContain('lifetime 600 minutes');
  });

  it('says what is refused, with an exit code of its own', async () => {
    const guest = await policy(['test', ...staff, '--guest', '--scope', 'chat']);
    expect(guest.code).toBe(3);
    expect(guest.stdout).toContain('deny: scopes-not-allowed (rule guests)');
    expect(guest.stdout).toContain('allowed are voip.join');
    const stranger = await policy(['test', '--file', good.path, '--tenant', 'elsewhere']);
    expect(stranger.code).toBe(3);
    expect(stranger.stdout).toContain('deny: no-rule-applies (no rule)');
  });

  it('does not judge by a policy that is at fault', async () => {
    const { code, stdout } = await policy(['test', '--file', bad.path, '--tenant', 'a']);
    expect(code).toBe(78);
    expect(stdout).toBe('');
  });
});

describe('acs-identity policy schema', () => {
  it('prints the schema that docs/ holds', async () => {
    const published = readFileSync(new URL('docs/issuance-policy.schema.json', root), 'utf8');
    expect(JSON.parse((await policy(['schema'])).stdout)).toEqual(JSON.parse(published));
  });
});
