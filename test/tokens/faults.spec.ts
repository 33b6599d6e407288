import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultRequest } from '../../apps/emulator/src/index.js';
import { call } from '../environment/call.js';
import { runningService } from '../environment/running-service.js';

const DEADLINE_MS = 1_000;
/** The deadline of a call, its one repeat within it, and what a busy machine takes. */
const PATIENCE_MS = 6_000;

const service = runningService({
  environment: {
    ACS_TIMEOUT_MS: String(DEADLINE_MS),
    KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1',
    ACS_BUDGET_CREATE_WITH_TOKEN: '1000',
  },
});

afterEach(async () => {
  await service().emulator.control.removeFaults();
});

type Fault = Omit<FaultRequest, 'service' | 'operation'>;

/** A fault of ACS, and what the caller learns: status, problem, least and most of Retry-After. */
const faults: [string, Fault, number, RegExp, [number, number]?][] = [
  ['is slow', { kind: 'latency', latencyMs: 5_000 }, 503, /^acs-unavailable$/, [1, 30]],
  ['never answers', { kind: 'hang' }, 503, /^acs-unavailable$/, [1, 30]],
  ['cuts the connection', { kind: 'reset' }, 503, /^acs-unavailable$/, [1, 30]],
  ['answers nonsense', { kind: 'malformed' }, 503, /^acs-unavailable$/, [1, 30]],
  ['answers 500', { kind: 'status', status: 500 }, 503, /^acs-unavailable$/, [1, 30]],
  [
    'answers 429 with Retry-After',
    { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
    503,
    /^acs-throttled$/,
    [7, 7],
  ],
  [
    'answers 429 without Retry-After',
    { kind: 'status', status: 429 },
    503,
    /^acs-throttled$/,
    [1, 30],
  ],
  ['answers 401 Denied', refusal('Denied'), 503, /^acs-credential-refused$/, [1, 60]],
  ['answers 401 IdentityNotOwned', refusal('IdentityNotOwned'), 409, /^identity-not-owned$/],
];

function refusal(code: string): Fault {
  return { kind: 'status', status: 401, body: { error: { code, message: 'Refused.' } } };
}

async function somebody() {
  const oid = randomUUID();
  const bearer = await service().emulator.control.mintToken({ person: 'alice', claims: { oid } });
  return { oid, bearer };
}

async function post(path: string, bearer: string, body: unknown = {}) {
  const startedAt = performance.now();
  const answer = await call(service().url, 'post', path, { token: bearer, body });
  expect(performance.now() - startedAt).toBeLessThan(PATIENCE_MS);
  return answer;
}

/** The circuit breaker and the smaller budget after a fault are not what these specs are about. */
async function untilServed(bearer: string): Promise<void> {
  await service().emulator.control.removeFaults();
  await expect
    .poll(async () => (await post('/v1/me/tokens', bearer)).status, {
      timeout: 60_000,
      interval: 500,
    })
    .toBe(200);
}

describe('while ACS', () => {
  it.each(faults)(
    '%s: a token has its documented answer within the deadline, recorded, and no token',
    async (_what, fault, status, problem, retryAfter) => {
      const { bearer } = await somebody();
      await untilServed(bearer);
      await service().emulator.control.addFault({ service: 'acs', operation: 'issue', ...fault });
      const { status: actual, body, headers } = await post('/v1/me/tokens', bearer);
      expect(actual).toBe(status);
      const code = String(body.type).replace('urn:acs-identity:problem:', '');
      expect(code).toMatch(problem);
      expect(body).not.toHaveProperty('token');
      expect(headers['cache-control']).toBe('no-store');
      if (retryAfter) {
        expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(retryAfter[0]);
        expect(Number(headers['retry-after'])).toBeLessThanOrEqual(retryAfter[1]);
      }
      expect(await service().newestEntry()).toMatchObject({
        action: 'token.issue',
        outcome: status < 500 ? 'denied' : 'failure',
        reason: { code },
      });
      await untilServed(bearer);
    },
    90_000,
  );

  it('never makes its own 401 the caller’s: good credentials stay good', async () => {
    const { bearer } = await somebody();
    await untilServed(bearer);
    await service().emulator.control.addFault({
      service: 'acs',
      operation: '*',
      ...refusal('Denied'),
    });
    for (const path of ['/v1/me/tokens', '/v1/me/tokens/revoke', '/v1/me/sign-out']) {
      expect((await post(path, bearer, undefined)).status).not.toBe(401);
    }
  }, 90_000);
});
