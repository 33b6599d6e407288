import { describe, expect, it } from 'vitest';
import { startApi } from '../../apps/local/src/api-process.js';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';

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

describe('the api, started with a wrong configuration', () => {
  it('refuses to start, listing every fault at once with its fix, and exits with 78', async () => {
    const said = await refusal({
      ...placeholderEnvironment,
      DATABASE_URL: undefined,
      ENTRA_TENANT_ID: 'contoso',
      KEY_VAULT_URL: 'http://vault.example',
      PORT: 'eighty',
      ENTRA_AUDIANCE: 'api://typo',
    });
    expect(said).toContain('exit code 78');
    for (const variable of [
      'DATABASE_URL',
      'ENTRA_TENANT_ID',
      'KEY_VAULT_URL',
      'PORT',
      'ENTRA_AUDIANCE',
    ]) {
      expect(said).toMatch(new RegExp(`${variable}: .+\\n\\s+→ .+`));
    }
    expect(said).toContain('5 faults');
  });

  it('echoes no value, since any could be a secret', async () => {
    const said = await refusal({
      ...placeholderEnvironment,
      DATABASE_URL: 'postgres:hunter2',
      ACS_ENDPOINT: 'endpoint=https://a.example/;accesskey=hunter2',
      LOG_LEVEL: 'hunter2',
    });
    expect(said).toContain('exit code 78');
    expect(said).not.toContain('hunter2');
  });

  it('says which settings are missing when there are none', async () => {
    const said = await refusal({});
    for (const variable of [
      'DATABASE_URL',
      'ENTRA_TENANT_ID',
      'ENTRA_AUDIENCE',
      'KEY_VAULT_URL',
      'AUDIT_LOG_ORIGIN',
    ]) {
      expect(said).toContain(variable);
    }
  });

  it('starts without any of its upstreams, live and not ready, within its time', async () => {
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
