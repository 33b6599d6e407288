import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { startApi } from '../../apps/local/src/api-process.js';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { repositoryRoot } from '../support/root.js';

/** Starts the api, which is expected to refuse. @returns what it wrote to standard error */
async function refusal(environment: Record<string, string | undefined>): Promise<string> {
  const started = startApi({ PATH: process.env.PATH, ...environment }, { onLine: () => undefined });
  return started.then(
    async (api) => {
      await api.stop();
      return 'it started';
    },
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe('the api at its start', () => {
  it('exits with 78 and lists every fault of the configuration with its fix, and no value, which could be a secret', async () => {
    const message = await refusal({
      ...placeholderEnvironment,
      DATABASE_URL: undefined,
      ENTRA_TENANT_ID: 'contoso',
      KEY_VAULT_URL: 'http://hunter2.example',
      ACS_ENDPOINT: 'endpoint=https://a.example/;accesskey=hunter2',
      DATABASE_POOL_SIZE: 'hunter2',
      LOG_LEVEL: 'hunter2',
      PORT: 'eighty',
      ENTRA_AUDIANCE: 'api://typo',
    });
    expect(message).toContain('exit code 78');
    for (const variable of [
      'DATABASE_URL',
      'ENTRA_TENANT_ID',
      'KEY_VAULT_URL',
      'ACS_ENDPOINT',
      'DATABASE_POOL_SIZE',
      'LOG_LEVEL',
      'PORT',
      'ENTRA_AUDIANCE',
    ]) {
      expect(message).toMatch(new RegExp(`${variable}: .+\\n\\s+→ .+`));
    }
    expect(message).toContain('8 faults');
    expect(message).not.toContain('hunter2');
  });

  it('starts without its upstreams: live, not ready', async () => {
    const api = await startApi(
      { PATH: process.env.PATH, ...placeholderEnvironment, LOG_LEVEL: 'info', PORT: '0' },
      { onLine: () => undefined },
    );
    try {
      expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
      expect((await fetch(`${api.url}/health/ready`)).status).toBe(503);
    } finally {
      await api.stop();
    }
    expect(await api.ended).toBe(0);
  });
});

describe('a program of a host', () => {
  it.each([
    ['serve', 'api/serve.js', []],
    ['run', 'acs-identity/run.js', ['config', 'check']],
  ])('has the adapters of the host: %s', (name, file, words) => {
    const program = `
      import { ${name} } from '${repositoryRoot}dist/bin/${file}';
      await ${name}({ replace: [{ provide: class Unknown {}, useValue: {} }] });`;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program, '--', ...words],
      { encoding: 'utf8', env: { PATH: process.env.PATH } },
    );
    expect(stderr).toContain('Unknown is not a port');
    expect(status).toBe(1);
  });
});
