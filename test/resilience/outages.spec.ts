import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';
import { call } from '../support/call.js';
import { startTestCluster } from '../support/test-cluster.js';
import { Service } from '../support/service.js';
import { newPerson, requestToken } from '../support/tokens-api.js';

/** The sum of the deadlines below, and the time that a busy machine adds. */
const MAX_RESPONSE_MS = 15_000;

let postgres: LocalPostgres;
let service: Service;

beforeAll(async () => {
  // A server of its own: these specs stop it.
  postgres = await startTestCluster();
  service = await Service.start({
    cluster: postgres,
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

/** Requests the first token of a person, which needs every upstream. */
async function firstCall(url = service.url) {
  const person = await newPerson(service);
  const startedAt = performance.now();
  const answer = await requestToken(service, person, {}, url);
  expect(performance.now() - startedAt).toBeLessThan(MAX_RESPONSE_MS);
  return { answer, person };
}

function expectOutage(
  answer: { status: number; body: { type: string }; headers: Record<string, string> },
  code: RegExp,
) {
  expect(answer.body.type).toMatch(code);
  expect(answer.status).toBe(503);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
}

// Other faults of a new process's upstreams: start-matrix.spec.ts. These need the deadline of the process.
describe('while Key Vault hangs', () => {
  it('a process that has not read its secrets answers 503, and 200 afterwards', async () => {
    await service.emulator.control.addFault({ service: 'key-vault', operation: '*', kind: 'hang' });
    const api = await service.addApi();
    const { answer } = await firstCall(api.url);
    expectOutage(answer, /:(secret[a-z-]+|audit-unavailable)$/);
    expect((await call(api.url, 'get', '/health/live')).status).toBe(200);
    expect((await call(api.url, 'get', '/health/ready')).status).toBe(503);
    await service.emulator.control.removeFaults();
    await expect.poll(async () => (await firstCall(api.url)).answer.status).toBe(200);
    await api.stop();
    service.apis.pop();
  });
});

describe('while Entra’s metadata endpoint hangs', () => {
  it('a process without keys answers 503, never 401, and 200 afterwards', async () => {
    for (const operation of ['metadata', 'keys']) {
      await service.emulator.control.addFault({ service: 'entra', operation, kind: 'hang' });
    }
    const api = await service.addApi();
    const { answer } = await firstCall(api.url);
    expectOutage(answer, /:identity-provider-unavailable$/);
    await service.emulator.control.removeFaults();
    await expect.poll(async () => (await firstCall(api.url)).answer.status).toBe(200);
    await api.stop();
    service.apis.pop();
  });
});

describe('while PostgreSQL', () => {
  it('is down: 503 and no token; 200 after its restart', async () => {
    const { person } = await firstCall();
    const before = (await service.auditEntries()).length;
    await postgres.crash();
    const answer = await requestToken(service, person);
    expectOutage(answer, /:(database|audit)-unavailable$/);
    expect(answer.body).not.toHaveProperty('token');
    expect((await call(service.url, 'get', '/health/ready')).status).toBe(503);
    await postgres.restart();
    await expect.poll(async () => (await requestToken(service, person)).status).toBe(200);
    expect((await service.auditEntries()).length).toBeGreaterThan(before);
  });

  it('restarts, and then crashes, under load: 503 with Retry-After, and then 200 without a restart of ours', async () => {
    const { person } = await firstCall();
    const load = { isOver: false };
    const callers = Array.from({ length: 4 }, async () => {
      const refused: Awaited<ReturnType<typeof requestToken>>[] = [];
      while (!load.isOver) {
        const answer = await requestToken(service, person);
        if (answer.status !== 200) refused.push(answer);
      }
      return refused;
    });
    for (const stop of [async () => postgres.stop(), async () => postgres.crash()]) {
      await stop();
      await postgres.restart();
      await expect.poll(async () => (await requestToken(service, person)).status).toBe(200);
    }
    load.isOver = true;
    const refused = (await Promise.all(callers)).flat();
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expectOutage(answer, /:(database|audit)-unavailable$/);
  });

  it('is locked: 503 within the deadline, and no token; 200 afterwards', async () => {
    const { person } = await firstCall();
    await service.hold('LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE', async () => {
      const startedAt = performance.now();
      const answer = await requestToken(service, person);
      expect(performance.now() - startedAt).toBeLessThan(MAX_RESPONSE_MS);
      expectOutage(answer, /:audit-unavailable$/);
      expect(answer.body).not.toHaveProperty('token');
    });
    const after = await requestToken(service, person);
    expect(after.status).toBe(200);
  });
});
