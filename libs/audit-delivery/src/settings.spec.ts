import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkEnvironment } from '#libs/platform';
import { type AuditDeliverySettings, auditDeliverySettings } from './settings.js';

const folder = mkdtempSync(join(tmpdir(), 'audit-sinks-'));
const file = join(folder, 'sinks.yaml');
const token = join(folder, 'token');
writeFileSync(token, 'a-token');
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const HOOK = `version: 1
sinks:
  - name: hook
    type: webhook
    url: https://hooks.example/audit
    signingSecrets: [{ environment: HOOK_SECRET }]
`;

function check(
  text: string,
  environment: Record<string, string> = { HOOK_SECRET: 'confidential' },
) {
  writeFileSync(file, text);
  const { faults, values } = checkEnvironment([auditDeliverySettings], {
    AUDIT_SINKS_FILE: file,
    ...environment,
  });
  return {
    faults: faults.map(({ variable, problem }) => `${variable}: ${problem}`),
    settings: values.get(auditDeliverySettings.key) as AuditDeliverySettings, // the key's own type
  };
}

describe('AUDIT_SINKS_FILE', () => {
  it('is not needed', () => {
    const { faults, values } = checkEnvironment([auditDeliverySettings], {});
    expect(faults).toEqual([]);
    expect(values.get(auditDeliverySettings.key)).toMatchObject({ sinks: [], environment: {} });
  });

  it('has defaults for what is the same nearly everywhere, as YAML and as JSON', () => {
    const { settings, faults } = check(HOOK);
    expect(faults).toEqual([]);
    expect(settings.sinks).toMatchObject([
      { start: 'beginning', personalValues: true, timeoutSeconds: 30, maxEntries: 500 },
    ]);
    // Only the variables that the file names.
    expect(settings.environment).toEqual({ HOOK_SECRET: 'confidential' });
    const json = JSON.stringify({ version: 1, sinks: settings.sinks });
    expect(check(json).settings.sinks).toEqual(settings.sinks);
  });

  it.each([
    ['an unknown type', HOOK.replace('webhook', 'kafka'), /line 4: sinks\.0\.type/],
    ['an unknown field', `${HOOK}    retries: 3\n`, /line 3: sinks\.0: .*retries/],
    ['a missing field', HOOK.replace(/ {4}url.*\n/, ''), /line 3: sinks\.0\.url/],
    [
      'http to another machine',
      HOOK.replace('https', 'http'),
      /line 5: sinks\.0\.url: must be an https/,
    ],
    [
      'credentials in an address',
      HOOK.replace('//', '//user:word@'),
      /line 5: .*without credentials/,
    ],
    [
      'a query in an address, which the log would keep with its signature',
      HOOK.replace('/audit', '/audit?sig=confidential'),
      /line 5: .*without credentials, query/,
    ],
    [
      'two sinks of one name',
      `${HOOK}${HOOK.split('sinks:\n').at(-1) ?? ''}`,
      /line 7: sinks\.1\.name: must not be/,
    ],
    [
      'a credential in clear',
      HOOK.replace('{ environment: HOOK_SECRET }', 'whsec_clear'),
      /signingSecrets\.0/,
    ],
    [
      'a credential in two places',
      HOOK.replace('HOOK_SECRET', 'HOOK_SECRET, secret: a'),
      /must say where/,
    ],
    ['no sinks', 'version: 1\nsinks: []\n', /must hold at least one sink/],
    ['another version', HOOK.replace('1', '2'), /line 1: version/],
    ['an empty file', '', /the file is empty$/],
    ['what is no YAML', 'sinks: [', /not well-formed YAML/],
  ])('is refused for %s, with the line and without repeating values', (_what, text, fault) => {
    const { faults } = check(text);
    expect(faults.join('\n')).toMatch(fault);
    expect(faults.join('\n')).not.toMatch(/whsec_clear|user:word|confidential/);
  });

  it('is refused when it can not be read', () => {
    const { faults } = checkEnvironment([auditDeliverySettings], { AUDIT_SINKS_FILE: folder });
    expect(faults).toMatchObject([{ problem: 'can not be read (EISDIR)' }]);
  });

  it('is refused when a credential is not where it says', () => {
    expect(check(HOOK, {}).faults).toEqual([
      'AUDIT_SINKS_FILE: hook: the environment variable HOOK_SECRET is not set',
    ]);
    const fromFile = (path: string): string =>
      HOOK.replace('environment: HOOK_SECRET', `file: ${path}`);
    expect(check(fromFile(join(folder, 'none'))).faults).toEqual([
      'AUDIT_SINKS_FILE: hook: the file of its credential can not be read (ENOENT)',
    ]);
    expect(check(fromFile(token)).faults).toEqual([]);
  });
});
