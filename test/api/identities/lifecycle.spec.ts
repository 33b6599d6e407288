import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { IdentitiesApi } from '../../support/identities-api.js';
import { runningService } from '../../support/running-service.js';
import { requestToken } from '../../support/tokens-api.js';

const service = runningService({
  replicas: 2,
  environment: {
    MAPPING_SWEEP_SECONDS: '1',
    MAPPING_LEASE_MS: '5000',
    ACS_TIMEOUT_MS: '1000',
    ACS_BUDGET_MAX_WAIT_MS: '1000',
  },
});
const identities = new IdentitiesApi(service);
const problem = (code: string): object => ({ type: `urn:acs-identity:problem:${code}` });
const control = (): ReturnType<typeof service>['emulator']['control'] => service().emulator.control;

async function isAtAcs(communicationUserId: string): Promise<boolean> {
  const known = await control().listIdentities();
  return known.some(({ id, deletedAt }) => id === communicationUserId && deletedAt === undefined);
}

describe('GET /v1/identities/{id}', () => {
  it('200: returns an identity with its ETag', async () => {
    const { body } = await identities.create();
    const read = await identities.asAda('get', `/v1/identities/${body.id}`);
    expect(read.status).toBe(200);
    expect(read.body).toEqual(body);
    expect(read.headers.etag).toBe(`"${body.version}"`);
  });

  it('404: does not distinguish another tenant’s identity from a missing one', async () => {
    const { body } = await identities.create();
    const theirs = await identities.asOtherTenant('get', `/v1/identities/${body.id}`);
    const missing = await identities.asOtherTenant('get', `/v1/identities/${randomUUID()}`);
    expect(theirs.status).toBe(404);
    expect({ ...theirs.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    const patch = await identities.asOtherTenant('patch', `/v1/identities/${body.id}`, {
      status: 'suspended',
    });
    expect(patch.status).toBe(404);
    expect((await identities.asOtherTenant('delete', `/v1/identities/${body.id}`)).status).toBe(
      404,
    );
    expect((await identities.asAda('get', `/v1/identities/${body.id}`)).body).toEqual(body);
  });

  it('400: refuses a malformed id', async () => {
    expect((await identities.asAda('get', '/v1/identities/42')).status).toBe(400);
  });
});

describe('PATCH /v1/identities/{id}', () => {
  it('200: suspends at once in every replica, revokes the tokens at ACS, and resumes', async () => {
    const request = async (replica: number) =>
      requestToken(service(), 'alice', {}, service().urlOf(replica));
    const { body: issued } = await request(0);
    const path = `/v1/identities/${issued.identity.id}`;

    const suspended = await identities.asAda('patch', path, { body: { status: 'suspended' } });
    expect(suspended).toMatchObject({
      status: 200,
      body: { status: 'suspended', isRevoking: false },
    });
    for (const replica of [0, 1]) {
      expect(await request(replica)).toMatchObject({
        status: 403,
        body: problem('mapping-not-active'),
      });
    }
    expect(await control().validateAcsToken(issued.token)).toMatchObject({ valid: false });

    const resumed = await identities.asAda('patch', path, { body: { status: 'active' } });
    expect(resumed.body.status).toBe('active');
    const again = await request(1);
    expect(again).toMatchObject({ status: 200, body: { identity: issued.identity } });
    const actions = (await service().auditEntries())
      .filter(({ target }) => target?.communicationUserId === issued.identity.communicationUserId)
      .map(({ action }) => action);
    expect(actions.join()).toContain('identity.suspend,token.revoke');
    expect(actions).toContain('identity.resume');
  });

  it('200: suspends during an outage of ACS; recovery revokes the tokens afterwards', async () => {
    const { body } = await identities.create();
    await control().addFault({ service: 'acs', operation: 'revoke', kind: 'status', status: 500 });
    const path = `/v1/identities/${body.id}`;
    const suspended = await identities.asAda('patch', path, { body: { status: 'suspended' } });
    expect(suspended.body).toMatchObject({ status: 'suspended', isRevoking: true });
    await control().removeFaults();
    const isRevoking = async () => (await identities.asAda('get', path)).body.isRevoking as boolean;
    await expect.poll(isRevoking).toBe(false);
    // Each poll is a read and leaves an entry of its own.
    const changes = (await service().auditEntries()).filter(
      ({ action }) => action === 'token.revoke',
    );
    expect(changes.at(-1)).toMatchObject({
      action: 'token.revoke',
      actor: { kind: 'system' },
      target: { identityId: body.id },
    });
  });

  it('200: sets and removes the display name; the version changes only with the values', async () => {
    const { body } = await identities.create();
    const path = `/v1/identities/${body.id}`;
    const named = await identities.asAda('patch', path, { body: { displayName: 'Zoë 🐙' } });
    expect(named.body).toMatchObject({ displayName: 'Zoë 🐙', version: Number(body.version) + 1 });
    const same = await identities.asAda('patch', path, { body: { displayName: 'Zoë 🐙' } });
    expect(same.body.version).toBe(named.body.version);
    const unnamed = await identities.asAda('patch', path, { body: { displayName: null } });
    expect(unnamed.body.displayName).toBeUndefined();
  });

  it('412: refuses a stale If-Match and changes nothing; 200: accepts the current tag and *', async () => {
    const { body } = await identities.create();
    const path = `/v1/identities/${body.id}`;
    const patch = async (tag: string) =>
      identities.asAda('patch', path, { body: { displayName: tag }, headers: { 'if-match': tag } });
    for (const tag of [`"${Number(body.version) - 1}"`, `W/"${body.version}"`, '"x"', 'x']) {
      expect(await patch(tag)).toMatchObject({
        status: 412,
        body: problem('mapping-version-mismatch'),
      });
    }
    expect((await identities.asAda('get', path)).body).toEqual(body);
    expect((await patch(`"${body.version}"`)).status).toBe(200);
    expect((await patch('*')).status).toBe(200);
  });

  it('200, 412: one of several concurrent changes with the same tag succeeds', async () => {
    const { body } = await identities.create();
    const headers = { 'if-match': `"${body.version}"` };
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (displayName) =>
        identities.asAda('patch', `/v1/identities/${body.id}`, { body: { displayName }, headers }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
  });

  it('400: refuses unknown statuses, unknown fields and an empty change', async () => {
    const { body } = await identities.create();
    for (const change of [{ status: 'deleted' }, { subject: 'x' }, {}]) {
      const answer = await identities.asAda('patch', `/v1/identities/${body.id}`, { body: change });
      expect(answer.status).toBe(400);
    }
  });
});

describe('DELETE /v1/identities/{id}', () => {
  it('200: deletes at ACS and keeps a tombstone without the name; 201: the subject can get a new identity', async () => {
    const { body } = await identities.create(undefined, { displayName: 'Gone' });
    const path = `/v1/identities/${body.id}`;
    const deleted = await identities.asAda('delete', path);
    expect(deleted).toMatchObject({ status: 200, body: { status: 'deleted' } });
    expect(deleted.body.displayName).toBeUndefined();
    expect(await isAtAcs(body.communicationUserId)).toBe(false);
    expect((await identities.asAda('get', path)).body).toEqual(deleted.body);
    expect((await identities.asAda('delete', path)).status).toBe(200);
    expect(await identities.asAda('patch', path, { body: { displayName: 'x' } })).toMatchObject({
      status: 404,
    });
    const next = await identities.create(body.subject);
    expect(next.status).toBe(201);
    expect(next.body.communicationUserId).not.toBe(body.communicationUserId);
  });

  it('202: keeps the mapping until ACS confirms the deletion, which recovery retries', async () => {
    const { body } = await identities.create();
    const path = `/v1/identities/${body.id}`;
    await control().addFault({ service: 'acs', operation: 'delete', kind: 'status', status: 500 });
    expect(await identities.asAda('delete', path)).toMatchObject({
      status: 202,
      body: { status: 'deleting', communicationUserId: body.communicationUserId },
    });
    await control().removeFaults();
    const status = async () => (await identities.asAda('get', path)).body.status as string;
    await expect.poll(status).toBe('deleted');
    expect(await isAtAcs(body.communicationUserId)).toBe(false);
  });

  it('412: refuses a stale If-Match', async () => {
    const { body } = await identities.create();
    const headers = { 'if-match': '"99"' };
    const answer = await identities.asAda('delete', `/v1/identities/${body.id}`, { headers });
    expect(answer.status).toBe(412);
    expect(await isAtAcs(body.communicationUserId)).toBe(true);
  });
});

describe('POST /v1/identities/erase', () => {
  it('200: reports each deleted identity; a repeat returns the same report', async () => {
    const { body } = await identities.create();
    const erase = async (subject: string) =>
      identities.asAda('post', '/v1/identities/erase', { body: { subject } });
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
  });

  it('404: the tenant has no identity of the subject, and the request is recorded as denied', async () => {
    const { body } = await identities.create();
    const nobodies = [
      randomUUID(),
      randomUUID().toUpperCase(),
      body.communicationUserId as string,
      body.id as string,
    ];
    for (const subject of nobodies) {
      const erased = await identities.asAda('post', '/v1/identities/erase', { body: { subject } });
      expect(erased.status).toBe(404);
      expect(erased.body.type).toBe('urn:acs-identity:problem:person-not-mapped');
      expect(await service().newestEntry()).toMatchObject({
        action: 'identity.delete',
        outcome: 'denied',
        reason: { code: 'person-not-mapped' },
      });
    }
    expect(await isAtAcs(body.communicationUserId)).toBe(true);
  });

  it('202: reports that the erasure is incomplete, and completes it later', async () => {
    const { body } = await identities.create();
    await control().addFault({ service: 'acs', operation: 'delete', kind: 'status', status: 500 });
    const erase = async () =>
      identities.asAda('post', '/v1/identities/erase', { body: { subject: body.subject } });
    expect(await erase()).toMatchObject({ status: 202, body: { isComplete: false } });
    await control().removeFaults();
    await expect.poll(async () => (await erase()).body.isComplete as boolean).toBe(true);
  });

  it('403: refuses another tenant, with or without the subject; 404: finds only subjects of the caller’s tenant', async () => {
    const { body } = await identities.create();
    const request = { subject: body.subject, tenant: service().emulator.tenantId };
    const asOther = async (person: object) => {
      const answer = await identities.asOtherTenant('post', '/v1/identities/erase', person);
      const { requestId: _id, ...problem } = answer.body as { requestId: string; status: number };
      return problem;
    };
    const refused = await asOther(request);
    expect(refused.status).toBe(403);
    expect(await asOther({ ...request, subject: randomUUID() })).toEqual(refused);
    const missing = await asOther({ subject: body.subject });
    expect(missing.status).toBe(404);
    expect(await asOther({ subject: randomUUID() })).toEqual(missing);
    expect(await isAtAcs(body.communicationUserId)).toBe(true);
  });
});
