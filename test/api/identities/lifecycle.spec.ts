import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import { IdentitiesApi } from '../../support/identities-api.js';

const service = runningService({
  replicas: 2,
  environment: { MAPPING_SWEEP_SECONDS: '1', MAPPING_LEASE_MS: '2000', ACS_TIMEOUT_MS: '1000' },
});
const directory = new IdentitiesApi(service);
const problem = (code: string): object => ({ type: `urn:acs-identity:problem:${code}` });
const control = (): ReturnType<typeof service>['emulator']['control'] => service().emulator.control;

async function isAtAcs(communicationUserId: string): Promise<boolean> {
  const known = await control().listIdentities();
  return known.some(({ id, deletedAt }) => id === communicationUserId && deletedAt === undefined);
}

describe('GET /v1/identities/{id}', () => {
  it('200: reads an identity with its tag', async () => {
    const { body } = await directory.create();
    const read = await directory.asAda('get', `/v1/identities/${body.id}`);
    expect(read.status).toBe(200);
    expect(read.body).toEqual(body);
    expect(read.headers.etag).toBe(`"${body.version}"`);
  });

  it('404: shows another tenant’s identity no other than a missing one', async () => {
    const { body } = await directory.create();
    const theirs = await directory.asStranger('get', `/v1/identities/${body.id}`);
    const missing = await directory.asStranger('get', `/v1/identities/${randomUUID()}`);
    expect(theirs.status).toBe(404);
    expect({ ...theirs.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    const patch = await directory.asStranger('patch', `/v1/identities/${body.id}`, {
      status: 'suspended',
    });
    expect(patch.status).toBe(404);
    expect((await directory.asStranger('delete', `/v1/identities/${body.id}`)).status).toBe(404);
    expect((await directory.asAda('get', `/v1/identities/${body.id}`)).body).toEqual(body);
  });

  it('400: refuses what is no id', async () => {
    expect((await directory.asAda('get', '/v1/identities/42')).status).toBe(400);
  });
});

describe('PATCH /v1/identities/{id}', () => {
  it('200: suspends at once in every replica, revokes at ACS, and resumes', async () => {
    const alice = await service().token('alice');
    const issue = async (replica: number) =>
      call(service().urlOf(replica), 'post', '/v1/me/tokens', { token: alice, body: {} });
    const { body: issued } = await issue(0);
    service().scanner.forbid(issued.token);
    const path = `/v1/identities/${issued.identity.id}`;

    const suspended = await directory.asAda('patch', path, { body: { status: 'suspended' } });
    expect(suspended).toMatchObject({
      status: 200,
      body: { status: 'suspended', isRevoking: false },
    });
    for (const replica of [0, 1]) {
      expect(await issue(replica)).toMatchObject({
        status: 403,
        body: problem('mapping-not-active'),
      });
    }
    expect(await control().validateAcsToken(issued.token)).toMatchObject({ valid: false });

    const resumed = await directory.asAda('patch', path, { body: { status: 'active' } });
    expect(resumed.body.status).toBe('active');
    const again = await issue(1);
    service().scanner.forbid(again.body.token);
    expect(again).toMatchObject({ status: 200, body: { identity: issued.identity } });
    const actions = (await service().auditEntries())
      .filter(({ target }) => target?.communicationUserId === issued.identity.communicationUserId)
      .map(({ action }) => action);
    expect(actions.join()).toContain('identity.suspend,token.revoke');
    expect(actions).toContain('identity.resume');
  });

  it('200: suspends although ACS is away; a sweeper revokes when it is back', async () => {
    const { body } = await directory.create();
    await control().addFault({ service: 'acs', operation: 'revoke', kind: 'status', status: 500 });
    const path = `/v1/identities/${body.id}`;
    const suspended = await directory.asAda('patch', path, { body: { status: 'suspended' } });
    expect(suspended.body).toMatchObject({ status: 'suspended', isRevoking: true });
    await control().removeFaults();
    await vi.waitUntil(async () => !(await directory.asAda('get', path)).body.isRevoking, {
      timeout: 30_000,
      interval: 100,
    });
    expect(await service().newestEntry()).toMatchObject({
      action: 'token.revoke',
      actor: { kind: 'system' },
      target: { identityId: body.id },
    });
  });

  it('200: names and unnames, and changes nothing when nothing is to change', async () => {
    const { body } = await directory.create();
    const path = `/v1/identities/${body.id}`;
    const named = await directory.asAda('patch', path, { body: { displayName: 'Zoë 🐙' } });
    expect(named.body).toMatchObject({ displayName: 'Zoë 🐙', version: Number(body.version) + 1 });
    const same = await directory.asAda('patch', path, { body: { displayName: 'Zoë 🐙' } });
    expect(same.body.version).toBe(named.body.version);
    const unnamed = await directory.asAda('patch', path, { body: { displayName: null } });
    expect(unnamed.body.displayName).toBeUndefined();
  });

  it('412: refuses a stale If-Match and changes nothing; takes the current one and *', async () => {
    const { body } = await directory.create();
    const path = `/v1/identities/${body.id}`;
    const patch = async (tag: string) =>
      directory.asAda('patch', path, { body: { displayName: tag }, headers: { 'if-match': tag } });
    for (const tag of [`"${Number(body.version) - 1}"`, `W/"${body.version}"`, '"x"', 'x']) {
      expect(await patch(tag)).toMatchObject({
        status: 412,
        body: problem('mapping-version-mismatch'),
      });
    }
    expect((await directory.asAda('get', path)).body).toEqual(body);
    expect((await patch(`"${body.version}"`)).status).toBe(200);
    expect((await patch('*')).status).toBe(200);
  });

  it('200 once: of callers that race with the same tag, one wins', async () => {
    const { body } = await directory.create();
    const headers = { 'if-match': `"${body.version}"` };
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (displayName) =>
        directory.asAda('patch', `/v1/identities/${body.id}`, { body: { displayName }, headers }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
  });

  it('400: refuses unknown statuses and fields, and a change of nothing', async () => {
    const { body } = await directory.create();
    for (const change of [{ status: 'deleted' }, { subject: 'x' }, {}]) {
      const answer = await directory.asAda('patch', `/v1/identities/${body.id}`, { body: change });
      expect(answer.status).toBe(400);
    }
  });
});

describe('DELETE /v1/identities/{id}', () => {
  it('200: deletes at ACS, leaves a tombstone without a name, and a new identity can follow', async () => {
    const { body } = await directory.create(undefined, { displayName: 'Gone' });
    const path = `/v1/identities/${body.id}`;
    const deleted = await directory.asAda('delete', path);
    expect(deleted).toMatchObject({ status: 200, body: { status: 'deleted' } });
    expect(deleted.body.displayName).toBeUndefined();
    expect(await isAtAcs(body.communicationUserId)).toBe(false);
    expect((await directory.asAda('get', path)).body).toEqual(deleted.body);
    expect((await directory.asAda('delete', path)).status).toBe(200);
    expect(await directory.asAda('patch', path, { body: { displayName: 'x' } })).toMatchObject({
      status: 404,
    });
    const next = await directory.create(body.subject);
    expect(next.status).toBe(201);
    expect(next.body.communicationUserId).not.toBe(body.communicationUserId);
  });

  it('202: keeps the mapping until ACS has confirmed; a sweeper sees to it', async () => {
    const { body } = await directory.create();
    const path = `/v1/identities/${body.id}`;
    await control().addFault({ service: 'acs', operation: 'delete', kind: 'status', status: 500 });
    expect(await directory.asAda('delete', path)).toMatchObject({
      status: 202,
      body: { status: 'deleting', communicationUserId: body.communicationUserId },
    });
    await control().removeFaults();
    await vi.waitUntil(async () => (await directory.asAda('get', path)).body.status === 'deleted', {
      timeout: 30_000,
      interval: 100,
    });
    expect(await isAtAcs(body.communicationUserId)).toBe(false);
  });

  it('412: refuses a stale If-Match', async () => {
    const { body } = await directory.create();
    const headers = { 'if-match': '"99"' };
    const answer = await directory.asAda('delete', `/v1/identities/${body.id}`, { headers });
    expect(answer.status).toBe(412);
    expect(await isAtAcs(body.communicationUserId)).toBe(true);
  });
});

describe('POST /v1/identities/erase', () => {
  it('200: reports what was deleted where and when, says the same again, and finds nobody without complaint', async () => {
    const { body } = await directory.create();
    const erase = async (subject: string) =>
      directory.asAda('post', '/v1/identities/erase', { body: { subject } });
    const report = await erase(body.subject);
    expect(report).toMatchObject({
      status: 200,
      body: {
        isComplete: true,
        effectiveWithinMinutes: 15,
        identities: [{ id: body.id, resource: 'default', status: 'deleted' }],
      },
    });
    expect(report.body.identities[0].deletedAt).toBeDefined();
    expect((await erase(body.subject)).body).toEqual(report.body);
    expect((await erase(randomUUID())).body).toMatchObject({ isComplete: true, identities: [] });
  });

  it('202: says what is not done yet, and goes on', async () => {
    const { body } = await directory.create();
    await control().addFault({ service: 'acs', operation: 'delete', kind: 'status', status: 500 });
    const erase = async () =>
      directory.asAda('post', '/v1/identities/erase', { body: { subject: body.subject } });
    expect(await erase()).toMatchObject({ status: 202, body: { isComplete: false } });
    await control().removeFaults();
    await vi.waitUntil(async () => (await erase()).body.isComplete as boolean, {
      timeout: 30_000,
      interval: 100,
    });
  });

  it('403: refuses another tenant; a stranger erases nobody of ours', async () => {
    const { body } = await directory.create();
    const ask = { subject: body.subject, tenant: service().emulator.tenantId };
    expect((await directory.asStranger('post', '/v1/identities/erase', ask)).status).toBe(403);
    const { subject } = ask;
    const own = await directory.asStranger('post', '/v1/identities/erase', { subject });
    expect(own.body.identities).toEqual([]);
    expect(await isAtAcs(body.communicationUserId)).toBe(true);
  });
});
