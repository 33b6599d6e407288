import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { pointersOf } from '../../support/audit-api.js';
import { call } from '../../support/call.js';
import { IdentitiesApi } from '../../support/identities-api.js';
import { runningService } from '../../support/running-service.js';
import { issue, newPerson } from '../../support/tokens-api.js';

const service = runningService();
const identities = new IdentitiesApi(service);
const problem = (code: string): object => ({ type: `urn:acs-identity:problem:${code}` });

describe('POST /v1/identities', () => {
  it('201: creates identities for a user, a service and a bot at ACS, and records each', async () => {
    for (const kind of ['user', 'service', 'bot']) {
      const subject = randomUUID();
      const { status, body, headers } = await identities.create(subject, { kind });
      expect(status).toBe(201);
      expect(body).toMatchObject({ kind, subject, status: 'active', isRevoking: false });
      expect(headers.etag).toBe(`"${body.version}"`);
      const known = await service().emulator.control.listIdentities();
      expect(known.map(({ id }) => id)).toContain(body.communicationUserId);
      expect(await service().auditEntries()).toContainEqual(
        expect.objectContaining({
          action: 'identity.create',
          outcome: 'success',
          target: expect.objectContaining({ identityId: body.id, subject }) as unknown,
        }),
      );
    }
  });

  it('200: returns an existing identity unchanged', async () => {
    const first = await identities.create(undefined, { displayName: 'Ann' });
    const again = await identities.create(first.body.subject, { displayName: 'Another name' });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(first.body.displayName).toBe('Ann');
  });

  it('200: ignores the case of a GUID', async () => {
    const subject = randomUUID();
    const first = await identities.create(subject.toUpperCase());
    expect((await identities.create(subject)).body).toEqual(first.body);
  });

  it('201: links an existing ACS identity without a call to ACS', async () => {
    const communicationUserId = identities.foreignId();
    const before = (await service().emulator.control.listIdentities()).length;
    const linked = await identities.create(undefined, { communicationUserId });
    expect(linked.status).toBe(201);
    expect(linked.body).toMatchObject({ communicationUserId, status: 'active' });
    expect(await service().emulator.control.listIdentities()).toHaveLength(before);
    expect((await identities.create(linked.body.subject, { communicationUserId })).status).toBe(
      200,
    );
  });

  it('200: a person’s first token is for the identity that an administrator created', async () => {
    const person = await newPerson(service());
    const { body: created } = await identities.create(person.oid);
    const { identity } = await issue(service(), person);
    expect(identity.communicationUserId).toBe(created.communicationUserId);
  });

  it('400: lists an unknown kind, a malformed 8:acs: id, an unknown field and hidden characters at once', async () => {
    const answer = await identities.create('a\u202eb', {
      kind: 'robot',
      communicationUserId: '8:acs:nonsense',
      role: 'owner',
    });
    expect(answer.status).toBe(400);
    expect(pointersOf(answer.body)).toEqual(
      expect.arrayContaining(['/kind', '/communicationUserId', '/subject', '/role']),
    );
  });

  it('401, 403: refuses calls without a token, and callers without the permission', async () => {
    const body = { kind: 'user', subject: 'x' };
    expect((await call(service().url, 'post', '/v1/identities', { body })).status).toBe(401);
    for (const who of ['alice', 'mallory', 'grace'] as const) {
      const token = await service().token(who);
      const answer = await call(service().url, 'post', '/v1/identities', { token, body });
      expect(answer.status).toBe(403);
    }
  });

  it('403: refuses a subject of another tenant, and records the refusal', async () => {
    const tenant = service().emulator.secondTenantId;
    const answer = await identities.create(undefined, { tenant });
    expect(answer).toMatchObject({ status: 403, body: problem('tenant-not-allowed') });
    expect(await service().newestEntry()).toMatchObject({
      action: 'authorization.deny',
      target: { tenant },
    });
  });

  it('409: refuses a second kind for one subject', async () => {
    const { body } = await identities.create();
    const answer = await identities.create(body.subject, { kind: 'bot' });
    expect(answer).toMatchObject({ status: 409, body: problem('identity-kind-conflict') });
  });

  it('409: refuses to link an ACS identity of a resource that is not configured', async () => {
    const communicationUserId = identities.foreignId(randomUUID());
    const answer = await identities.create(undefined, { communicationUserId });
    expect(answer).toMatchObject({ status: 409, body: problem('resource-not-configured') });
  });

  it('409: refuses to link a mapped subject, a mapped ACS identity, and a deleted one', async () => {
    const { body: one } = await identities.create();
    const { body: other } = await identities.create();
    const { communicationUserId } = other;
    const conflict = { status: 409, body: problem('identity-link-conflict') };
    expect(await identities.create(one.subject, { communicationUserId })).toMatchObject(conflict);
    expect(await identities.create(randomUUID(), { communicationUserId })).toMatchObject(conflict);
    await identities.asAda('delete', `/v1/identities/${other.id}`);
    expect(await identities.create(randomUUID(), { communicationUserId })).toMatchObject(conflict);
  });

  it('403: refuses every link by a tenant that the operator has not named, without looking at the identity', async () => {
    const { url } = await service().addApi({ IDENTITY_LINK_TENANTS: '' });
    const token = await service().token('ada');
    const { body: mapped } = await identities.create();
    const post = async (subject: string, communicationUserId: string): Promise<unknown> => {
      const body = { kind: 'user', subject, communicationUserId };
      const answer = await call(url, 'post', '/v1/identities', { token, body });
      const { requestId, instance, ...rest } = answer.body as Record<string, unknown>;
      expect([typeof requestId, typeof instance]).toContain('string');
      return { status: answer.status, ...rest };
    };
    const answers = [
      await post(randomUUID(), identities.foreignId()),
      await post(randomUUID(), identities.foreignId(randomUUID())),
      await post(randomUUID(), mapped.communicationUserId),
    ];
    expect(answers[0]).toMatchObject({ status: 403, ...problem('identity-link-not-allowed') });
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(await service().newestEntry()).toMatchObject({
      action: 'authorization.deny',
      reason: { code: 'identity-link-not-allowed' },
      target: { communicationUserId: mapped.communicationUserId },
    });
    // What is mapped so already is answered unchanged.
    const body = {
      kind: 'user',
      subject: mapped.subject,
      communicationUserId: mapped.communicationUserId,
    };
    const same = await call(url, 'post', '/v1/identities', { token, body });
    expect(same).toMatchObject({ status: 200, body: { id: mapped.id } });
  });

  it('503: records an unknown outcome when ACS’s response is lost; 201: a repeat creates the identity', async () => {
    const subject = randomUUID();
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'create',
      kind: 'reply-lost',
      count: 1,
    });
    const lost = await identities.create(subject);
    expect(lost).toMatchObject({ status: 503, body: problem('acs-outcome-unknown') });
    expect(lost.headers['retry-after']).toBeDefined();
    expect(await service().newestEntry()).toMatchObject({
      action: 'identity.outcome-unknown',
      target: { subject },
    });
    expect((await identities.create(subject)).status).toBe(201);
  });
});
