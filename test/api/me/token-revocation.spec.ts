import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';

/** Work that a request left undone is taken up after five seconds rather than thirty. */
const service = runningService({
  replicas: 2,
  environment: {
    ACS_TIMEOUT_MS: '3000',
    ACS_BUDGET_MAX_WAIT_MS: '1000',
    MAPPING_LEASE_MS: '5000',
    MAPPING_SWEEP_SECONDS: '1',
  },
});

afterEach(async () => {
  await service().emulator.control.removeFaults();
});

async function somebody() {
  const oid = randomUUID();
  const bearer = await service().emulator.control.mintToken({ person: 'alice', claims: { oid } });
  const issue = async (replica = 0) =>
    call(service().urlOf(replica), 'post', '/v1/me/tokens', { token: bearer, body: {} });
  return { oid, bearer, issue };
}

async function isGood(token: string): Promise<boolean> {
  return (await service().emulator.control.validateAcsToken(token)).valid;
}

describe.each(['/v1/me/tokens/revoke', '/v1/me/sign-out'])('POST %s', (path) => {
  it('202: ends all tokens of the caller at ACS, after which new ones are good', async () => {
    const { bearer, issue, oid } = await somebody();
    const tokens = [(await issue()).body.token as string, (await issue(1)).body.token as string];
    const { status, body, headers } = await call(service().url, 'post', path, { token: bearer });
    expect(status).toBe(202);
    expect(body.effectiveWithinMinutes).toBe(15);
    expect(headers['cache-control']).toBe('no-store');
    await expect
      .poll(async () => Promise.all(tokens.map(isGood)), { timeout: 30_000 })
      .toEqual([false, false]);
    await expect.poll(async () => (await issue()).status, { timeout: 30_000 }).toBe(200);
    expect(await isGood((await issue(1)).body.token as string)).toBe(true);
    const actions = (await service().auditEntries())
      .filter(({ target }) => target?.subject === oid)
      .map(({ action, outcome }) => `${action} ${outcome}`);
    expect(actions).toContain('token.revoke success');
  });

  it('401: refuses strangers', async () => {
    expect((await call(service().url, 'post', path)).status).toBe(401);
  });
});

describe('revoking with nothing to revoke', () => {
  it('404 for a revocation, 202 for a sign-out', async () => {
    const { bearer } = await somebody();
    const revoke = await call(service().url, 'post', '/v1/me/tokens/revoke', { token: bearer });
    expect(revoke.status).toBe(404);
    const signOut = await call(service().url, 'post', '/v1/me/sign-out', { token: bearer });
    expect(signOut.status).toBe(202);
    expect(signOut.body).toEqual({ effectiveWithinMinutes: 0 });
  });
});

describe('POST /v1/identities/{id}/tokens/revoke', () => {
  it('202: ends somebody else’s tokens by role; 403 without it', async () => {
    const { issue } = await somebody();
    const { body } = await issue();
    const path = `/v1/identities/${(body.identity as { id: string }).id}/tokens/revoke`;
    const refused = await call(service().url, 'post', path, {
      token: await service().token('crm-service'),
    });
    expect(refused.status).toBe(403);
    const revoked = await call(service().url, 'post', path, {
      token: await service().token('ada'),
    });
    expect(revoked.status).toBe(202);
    await expect.poll(async () => isGood(body.token as string), { timeout: 30_000 }).toBe(false);
  });
});

describe('while ACS does not confirm a revocation', () => {
  it('issues nothing in any replica, and goes on asking until it is done', async () => {
    const { bearer, issue } = await somebody();
    const { token } = (await issue()).body as { token: string };
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'revoke',
      kind: 'status',
      status: 500,
    });
    const answer = await call(service().url, 'post', '/v1/me/tokens/revoke', { token: bearer });
    expect(answer.status).toBe(202);
    for (const replica of [0, 1]) {
      const { status, body, headers } = await issue(replica);
      expect(status).toBe(503);
      expect(body.type).toBe('urn:acs-identity:problem:revocation-pending');
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(await isGood(token)).toBe(true);
    await service().emulator.control.removeFaults();
    await expect.poll(async () => (await issue()).status, { timeout: 60_000 }).toBe(200);
    expect(await isGood(token)).toBe(false);
  }, 90_000);
});

describe('a token that ACS issues while the tokens of its identity are revoked', () => {
  it('is not released, in whichever replica the revocation came, and the log says so', async () => {
    const patient = await service().addApi({ ACS_TIMEOUT_MS: '15000' });
    const { bearer, issue, oid } = await somebody();
    await issue();
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'issue',
      kind: 'latency',
      latencyMs: 4_000,
    });
    const underWay = call(patient.url, 'post', '/v1/me/tokens', { token: bearer, body: {} });
    await expect
      .poll(async () => (await service().emulator.control.listFaults())[0]?.hits, {
        timeout: 3_000,
      })
      .toBe(1);
    const revoked = await call(service().url, 'post', '/v1/me/tokens/revoke', { token: bearer });
    expect(revoked.status).toBe(202);
    const { status, body } = await underWay;
    expect(status).toBe(503);
    expect(body.type).toBe('urn:acs-identity:problem:revocation-pending');
    expect(body).not.toHaveProperty('token');
    const withheld = (await service().auditEntries()).filter(
      ({ action, outcome, target, token }) =>
        action === 'token.issue' && outcome === 'failure' && target?.subject === oid && token,
    );
    expect(withheld).toHaveLength(1);
    await patient.stop();
    service().apis.pop();
  }, 60_000);
});
