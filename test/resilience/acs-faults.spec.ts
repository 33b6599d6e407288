import { afterEach, describe, expect, it } from 'vitest';
import type { FaultRequest } from '../../apps/emulator/src/index.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { newPerson, type Person, requestToken } from '../support/tokens-api.js';

/** A call to ACS, its one retry within the deadline, and the time that a busy machine adds. */
const MAX_RESPONSE_MS = 6_000;
const service = runningService({
  environment: {
    ACS_TIMEOUT_MS: '1000',
    KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1',
    ACS_BUDGET_CREATE_WITH_TOKEN: '1000',
  },
});

afterEach(async () => {
  await service().emulator.control.removeFaults();
});

type Fault = Omit<FaultRequest, 'service' | 'operation'>;

interface Expected {
  readonly status: number;
  /** Code of the problem. */
  readonly code: RegExp;
  /** Lowest and highest `Retry-After`, in seconds; absent when the header may be absent. */
  readonly retryAfter?: readonly [number, number];
}

const unavailable: Expected = { status: 503, code: /^acs-unavailable$/, retryAfter: [1, 30] };

const faults: readonly (readonly [string, Fault, Expected])[] = [
  ['is slow', { kind: 'latency', latencyMs: 5_000 }, unavailable],
  ['never answers', { kind: 'hang' }, unavailable],
  ['closes the connection', { kind: 'reset' }, unavailable],
  ['loses its response', { kind: 'reply-lost' }, unavailable],
  ['answers with malformed JSON', { kind: 'malformed' }, unavailable],
  ['answers with a web page', { kind: 'malformed', body: '<html>' }, unavailable],
  ['has a gateway that answers 404', { kind: 'status', status: 404, body: '<html>' }, unavailable],
  ['has a proxy that answers 403', { kind: 'status', status: 403, body: '<html>' }, unavailable],
  ['answers 500', { kind: 'status', status: 500 }, unavailable],
  ['answers 503', { kind: 'status', status: 503 }, unavailable],
  [
    'answers 429 with Retry-After',
    { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
    { status: 503, code: /^acs-throttled$/, retryAfter: [7, 7] },
  ],
  [
    'answers 429 without Retry-After',
    { kind: 'status', status: 429 },
    { status: 503, code: /^acs-throttled$/, retryAfter: [1, 30] },
  ],
  [
    'answers 401 Denied',
    unauthorized('Denied'),
    { status: 503, code: /^acs-credential-refused$/, retryAfter: [1, 60] },
  ],
  [
    'answers 401 IdentityNotOwned',
    unauthorized('IdentityNotOwned'),
    { status: 409, code: /^identity-not-owned$/ },
  ],
];

function unauthorized(code: string): Fault {
  return { kind: 'status', status: 401, body: { error: { code, message: 'Refused.' } } };
}

async function addFault(operation: string, fault: Fault): Promise<void> {
  await service().emulator.control.addFault({ service: 'acs', operation, ...fault });
}

/** Requests a token, and expects an answer within all deadlines. */
async function timedRequest(person: Person) {
  const startedAt = performance.now();
  const answer = await requestToken(service(), person);
  expect(performance.now() - startedAt).toBeLessThan(MAX_RESPONSE_MS);
  return answer;
}

/** Ends all faults and waits until the circuit breaker and the reduced budget have recovered. */
async function untilServed(person: Person): Promise<void> {
  await service().emulator.control.removeFaults();
  const status = async () => (await requestToken(service(), person)).status;
  await expect.poll(status, { timeout: 60_000, interval: 500 }).toBe(200);
}

// First, since the service reads a refused credential again at most once a second.
describe('when ACS has a new access key', () => {
  it('the service reads it, and refuses nobody', async () => {
    const person = await newPerson(service());
    await untilServed(person);
    await service().rotateAcsKey();
    expect((await requestToken(service(), person)).status).toBe(200);
  }, 90_000);
});

describe('while ACS', () => {
  it.each(faults)(
    '%s when it issues a token: the documented refusal, within the deadline and recorded',
    async (_what, fault, expected) => {
      const person = await newPerson(service());
      await untilServed(person);
      await addFault('issue', fault);
      const { status, body, headers } = await timedRequest(person);
      expect(status).toBe(expected.status);
      const code = String(body.type).replace('urn:acs-identity:problem:', '');
      expect(code).toMatch(expected.code);
      expect(body).not.toHaveProperty('token');
      expect(headers['cache-control']).toBe('no-store');
      if (expected.retryAfter) {
        const [lowest, highest] = expected.retryAfter;
        expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(lowest);
        expect(Number(headers['retry-after'])).toBeLessThanOrEqual(highest);
      }
      expect(await service().newestEntry()).toMatchObject({
        action: 'token.issue',
        outcome: status < 500 ? 'denied' : 'failure',
        reason: { code },
      });
      await untilServed(person);
    },
    90_000,
  );

  it.each(faults.filter(([, , { status }]) => status === 503))(
    '%s when it creates an identity: 503; afterwards the person gets one identity',
    async (_what, fault) => {
      await untilServed(await newPerson(service()));
      const person = await newPerson(service());
      await addFault('*', fault);
      const { status, body, headers } = await timedRequest(person);
      expect(status).toBe(503);
      expect(body.type).toMatch(/:(acs-[a-z-]+|mapping-pending)$/);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      await untilServed(person);
      const rows = await service().rows('SELECT FROM mapping WHERE subject = $1', [person.oid]);
      expect(rows).toHaveLength(1);
    },
    90_000,
  );

  it('answers 401: no route answers its caller with 401', async () => {
    const person = await newPerson(service());
    await untilServed(person);
    await addFault('*', unauthorized('Denied'));
    for (const path of ['/v1/me/tokens', '/v1/me/tokens/revoke', '/v1/me/sign-out']) {
      const { status } = await call(service().url, 'post', path, { token: person.bearer });
      expect(status, path).not.toBe(401);
    }
  }, 90_000);
});
