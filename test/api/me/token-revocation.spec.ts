import { afterEach, describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import { issue, newPerson, requestToken } from '../../support/tokens-api.js';

/** Short leases: recovery takes over unfinished work after 5 s instead of 30 s. */
const service = runningService({
  replicas: 2,
  environment: {
    ACS_TIMEOUT_MS: '3000',
    ACS_BUDGET_MAX_WAIT_MS: '1000',
    MAPPING_LEASE_MS: '8000',
    MAPPING_SWEEP_SECONDS: '1',
  },
});

afterEach(async () => {
  await service().emulator.control.removeFaults();
});

async function isValid(token: string): Promise<boolean> {
  return (await service().emulator.control.validateAcsToken(token)).valid;
}

describe.each(['/v1/me/tokens/revoke', '/v1/me/sign-out'])('POST %s', (path) => {
  it('202: revokes all of the caller’s tokens at ACS; new ones are valid', async () => {
    const person = await newPerson(service());
    const { token: first } = await issue(service(), person);
    const { token: second } = await issue(service(), person, {}, service().urlOf(1));
    const { status, body, headers } = await call(service().url, 'post', path, {
      token: person.bearer,
    });
    expect(status).toBe(202);
    expect(body.effectiveWithinMinutes).toBe(15);
    expect(headers['cache-control']).toBe('no-store');
    await expect
      .poll(async () => Promise.all([first, second].map(isValid)))
      .toEqual([false, false]);
    await expect.poll(async () => (await requestToken(service(), person)).status).toBe(200);
    expect(await isValid((await issue(service(), person, {}, service().urlOf(1))).token)).toBe(
      true,
    );
    const actions = (await service().auditEntries())
      .filter(({ target }) => target?.subject === person.oid)
      .map(({ action, outcome }) => `${action} ${outcome}`);
    expect(actions).toContain('token.revoke success');
  });

  it('revokes a first token that is on its way: its identity is being created', async () => {
    const person = await newPerson(service());
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'create',
      kind: 'latency',
      latencyMs: 1_500,
    });
    const first = requestToken(service(), person);
    await expect
      .poll(async () =>
        service().rows(
          `SELECT FROM mapping WHERE subject = '${person.oid}' AND lease_holder IS NOT NULL`,
        ),
      )
      .toHaveLength(1);
    const answer = await call(service().urlOf(1), 'post', path, { token: person.bearer });
    expect(answer.status).toBe(202);
    expect(answer.body.effectiveWithinMinutes).toBe(15);
    const { status, body } = await first;
    if (status === 200) await expect.poll(async () => isValid(body.token as string)).toBe(false);
    else expect(status).toBe(503);
  });

  it('401: refuses a call without a token', async () => {
    expect((await call(service().url, 'post', path)).status).toBe(401);
  });
});

describe('a caller without an identity', () => {
  it('404: has no tokens to revoke; 202: can sign out', async () => {
    const { bearer } = await newPerson(service());
    const revoke = await call(service().url, 'post', '/v1/me/tokens/revoke', { token: bearer });
    expect(revoke.status).toBe(404);
    const signOut = await call(service().url, 'post', '/v1/me/sign-out', { token: bearer });
    expect(signOut.status).toBe(202);
    expect(signOut.body).toEqual({ effectiveWithinMinutes: 0 });
  });
});

describe('a caller whose identity is being deleted', () => {
  it('202: signs out; the deletion revokes the tokens', async () => {
    const person = await newPerson(service());
    await issue(service(), person);
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'delete',
      kind: 'status',
      status: 500,
    });
    const erased = await call(service().url, 'post', '/v1/identities/erase', {
      token: await service().token('ada'),
      body: { subject: person.oid },
    });
    expect(erased.status).toBe(202);
    const signOut = await call(service().url, 'post', '/v1/me/sign-out', { token: person.bearer });
    expect(signOut.status).toBe(202);
    expect(signOut.body).toEqual({ effectiveWithinMinutes: 15 });
  });
});

describe('while ACS does not confirm a revocation', () => {
  it('503: no replica issues a token; the revocation is retried until ACS confirms it', async () => {
    const person = await newPerson(service());
    const { token } = await issue(service(), person);
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'revoke',
      kind: 'status',
      status: 500,
    });
    const revoke = { token: person.bearer };
    const answer = await call(service().url, 'post', '/v1/me/tokens/revoke', revoke);
    expect(answer.status).toBe(202);
    for (const replica of [0, 1]) {
      const url = service().urlOf(replica);
      const { status, body, headers } = await requestToken(service(), person, {}, url);
      expect(status).toBe(503);
      expect(body.type).toBe('urn:acs-identity:problem:revocation-pending');
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(await isValid(token)).toBe(true);
    await service().emulator.control.removeFaults();
    const status = async () => (await requestToken(service(), person)).status;
    await expect.poll(status, { timeout: 60_000 }).toBe(200);
    expect(await isValid(token)).toBe(false);
  }, 90_000);
});

describe('a token that ACS issues during a revocation', () => {
  it('503: is not returned, whichever replica revokes, and is recorded as a failure', async () => {
    const slow = await service().addApi({ ACS_TIMEOUT_MS: '15000', MAPPING_LEASE_MS: '30000' });
    const person = await newPerson(service());
    await issue(service(), person);
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'issue',
      kind: 'latency',
      latencyMs: 4_000,
    });
    const pending = requestToken(service(), person, {}, slow.url);
    const hits = async () => (await service().emulator.control.listFaults())[0]?.hits;
    await expect.poll(hits, { timeout: 20_000 }).toBe(1);
    const revoke = { token: person.bearer };
    const revoked = await call(service().url, 'post', '/v1/me/tokens/revoke', revoke);
    expect(revoked.status).toBe(202);
    const { status, body } = await pending;
    expect(status).toBe(503);
    expect(body.type).toBe('urn:acs-identity:problem:revocation-pending');
    expect(body).not.toHaveProperty('token');
    const withheld = (await service().auditEntries()).filter(
      ({ action, outcome, target, token }) =>
        action === 'token.issue' &&
        outcome === 'failure' &&
        target?.subject === person.oid &&
        token,
    );
    expect(withheld).toHaveLength(1);
    await slow.stop();
    service().apis.pop();
  }, 60_000);
});
