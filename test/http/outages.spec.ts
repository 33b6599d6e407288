import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FaultRequest } from '../../apps/emulator/src/index.js';
import type { LocalPostgres } from '../../apps/local/src/local-postgres.js';
import { call } from '../environment/call.js';
import { startTestCluster } from '../environment/cluster.js';
import { Service } from '../environment/service.js';

/** No answer may take longer than all deadlines in a row. */
const PATIENCE_MS = 15_000;

let postgres: LocalPostgres;
let service: Service;

beforeAll(async () => {
  // A server of its own, since some of these stop it.
  postgres = await startTestCluster();
  service = await Service.start({
    cluster: { superuserUrl: postgres.url('postgres'), port: postgres.port },
    environment: {
      ACS_TIMEOUT_MS: '2000',
      KEY_VAULT_TIMEOUT_MS: '2000',
      KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1',
      DATABASE_TIMEOUT_MS: '3000',
      AUDIT_TIMEOUT_MS: '4000',
      AUTHENTICATION_METADATA_TIMEOUT_MS: '2000',
      AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1',
    },
  });
});

afterEach(async () => {
  await service.emulator.control.removeFaults();
});

afterAll(async () => {
  await service.stop();
  await postgres.remove();
});

/** Asks for a token for somebody new, so that each upstream has its part. */
async function firstCall(url = service.url) {
  const oid = crypto.randomUUID();
  const token = await service.emulator.control.mintToken({ person: 'alice', claims: { oid } });
  const startedAt = performance.now();
  const answer = await call(url, 'post', '/v1/me/tokens', { token, body: {} });
  expect(performance.now() - startedAt).toBeLessThan(PATIENCE_MS);
  return { answer, oid, token };
}

function expectOutage(
  answer: { status: number; body: { type: string }; headers: Record<string, string> },
  code: RegExp,
) {
  expect(answer.body.type).toMatch(code);
  expect(answer.status).toBe(503);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
}

const acsFaults: [string, Omit<FaultRequest, 'service' | 'operation'>][] = [
  ['answers 500', { kind: 'status', status: 500 }],
  ['answers 503', { kind: 'status', status: 503 }],
  ['hangs', { kind: 'hang' }],
  ['cuts the connection', { kind: 'reset' }],
  ['answers nonsense', { kind: 'malformed' }],
  ['answers a web page', { kind: 'malformed', body: '<html>' }],
  ['loses its reply', { kind: 'reply-lost' }],
  [
    'answers 401 Denied',
    {
      kind: 'status',
      status: 401,
      body: { error: { code: 'Denied', message: 'Denied by the resource provider.' } },
    },
  ],
];

describe('when ACS', () => {
  it('has a new access key: the service reads it and goes on, and nobody is refused', async () => {
    const { token } = await firstCall();
    const { connectionString } = await service.emulator.control.regenerateAcsKey();
    if (connectionString === undefined) expect.unreachable();
    service.scanner.forbid(connectionString);
    await service.emulator.control.setSecret({
      name: 'acs-connection-string',
      value: connectionString,
    });
    const answer = await call(service.url, 'post', '/v1/me/tokens', { token, body: {} });
    expect(answer.status).toBe(200);
  });
});

describe('while ACS', () => {
  it.each(acsFaults)(
    '%s to a create: 503, and the person gets one identity afterwards',
    async (_what, fault) => {
      await service.emulator.control.addFault({ service: 'acs', operation: '*', ...fault });
      const { answer, token } = await firstCall();
      expectOutage(answer, /:(acs-[a-z-]+|mapping-pending)$/);
      await service.emulator.control.removeFaults();
      await expect
        .poll(
          async () =>
            (await call(service.url, 'post', '/v1/me/tokens', { token, body: {} })).status,
          { timeout: 30_000 },
        )
        .toBe(200);
    },
  );

  it.each(acsFaults)('%s to an issue: 503, recorded as a failure', async (_what, fault) => {
    const { token } = await firstCall();
    await service.emulator.control.addFault({ service: 'acs', operation: 'issue', ...fault });
    const answer = await call(service.url, 'post', '/v1/me/tokens', { token, body: {} });
    expectOutage(answer, /:acs-[a-z-]+$/);
    const entries = await service.auditEntries();
    const requestId = answer.headers['x-request-id'];
    const recorded = entries.filter(({ request }) => request?.id === requestId);
    expect(recorded).toMatchObject([{ action: 'token.issue', outcome: 'failure' }]);
  });

  it('loses the reply to a create: the unknown outcome is in the audit log', async () => {
    await service.emulator.control.addFault({
      service: 'acs',
      operation: '*',
      kind: 'reply-lost',
      count: 1,
    });
    const { oid } = await firstCall();
    const entries = await service.auditEntries();
    expect(
      entries.filter(({ target }) => target?.subject === oid).map(({ action }) => action),
    ).toContain('identity.outcome-unknown');
  });
});

describe('while Key Vault', () => {
  it.each<[string, Omit<FaultRequest, 'service' | 'operation'>]>([
    ['answers 500', { kind: 'status', status: 500 }],
    ['answers 429', { kind: 'status', status: 429 }],
    ['answers 403', { kind: 'status', status: 403 }],
    ['hangs', { kind: 'hang' }],
    ['answers nonsense', { kind: 'malformed' }],
  ])(
    '%s: a process that has not read its secrets answers 503, and serves once it has',
    async (_what, fault) => {
      await service.emulator.control.addFault({ service: 'key-vault', operation: '*', ...fault });
      const api = await service.addApi();
      const { answer } = await firstCall(api.url);
      expectOutage(answer, /:(secret[a-z-]+|audit-unavailable)$/);
      expect((await call(api.url, 'get', '/health/live')).status).toBe(200);
      expect((await call(api.url, 'get', '/health/ready')).status).toBe(503);
      await service.emulator.control.removeFaults();
      await expect
        .poll(async () => (await firstCall(api.url)).answer.status, { timeout: 30_000 })
        .toBe(200);
      await api.stop();
      service.apis.pop();
    },
  );
});

describe('while Entra’s metadata', () => {
  it.each<[string, Omit<FaultRequest, 'service' | 'operation'>]>([
    ['are away', { kind: 'status', status: 503 }],
    ['hang', { kind: 'hang' }],
    ['are nonsense', { kind: 'malformed' }],
    ['are 50 MB long', { kind: 'oversized' }],
    ['redirect', { kind: 'redirect' }],
  ])(
    '%s: a process without keys answers 503, never 401, and serves once it has them',
    async (_what, fault) => {
      for (const operation of ['metadata', 'keys']) {
        await service.emulator.control.addFault({ service: 'entra', operation, ...fault });
      }
      const api = await service.addApi();
      const { answer } = await firstCall(api.url);
      expectOutage(answer, /:identity-provider-unavailable$/);
      await service.emulator.control.removeFaults();
      await expect
        .poll(async () => (await firstCall(api.url)).answer.status, { timeout: 30_000 })
        .toBe(200);
      await api.stop();
      service.apis.pop();
    },
  );
});

describe('while PostgreSQL', () => {
  it('is down: 503 and no token; afterwards all goes on', async () => {
    const { token } = await firstCall();
    const before = (await service.auditEntries()).length;
    await postgres.crash();
    const answer = await call(service.url, 'post', '/v1/me/tokens', { token, body: {} });
    expectOutage(answer, /:(database|audit)-unavailable$/);
    expect(answer.body).not.toHaveProperty('token');
    expect((await call(service.url, 'get', '/health/ready')).status).toBe(503);
    await postgres.restart();
    await expect
      .poll(
        async () => (await call(service.url, 'post', '/v1/me/tokens', { token, body: {} })).status,
        { timeout: 30_000 },
      )
      .toBe(200);
    expect((await service.auditEntries()).length).toBeGreaterThan(before);
  });

  it('is slow: 503 within the deadline, and no token', async () => {
    const { token } = await firstCall();
    await service.hold('LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE', async () => {
      const startedAt = performance.now();
      const answer = await call(service.url, 'post', '/v1/me/tokens', { token, body: {} });
      expect(performance.now() - startedAt).toBeLessThan(PATIENCE_MS);
      expectOutage(answer, /:audit-unavailable$/);
      expect(answer.body).not.toHaveProperty('token');
    });
    const after = await call(service.url, 'post', '/v1/me/tokens', { token, body: {} });
    expect(after.status).toBe(200);
  });
});
