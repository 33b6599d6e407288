import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import { IdentitiesApi } from '../../support/identities-api.js';

const service = runningService();
const directory = new IdentitiesApi(service);
const problem = (code: string): object => ({ type: `urn:acs-identity:problem:${code}` });

describe('POST /v1/identities', () => {
  it('201: creates the identity of a user, a service and a bot at ACS, and records each', async () => {
    for (const kind of ['user', 'service', 'bot']) {
      const subject = randomUUID();
      const { status, body, headers } = await directory.create(subject, { kind });
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

  it('200: gives what is there, as it is', async () => {
    const first = await directory.create(undefined, { displayName: 'Ann' });
    const again = await directory.create(first.body.subject, { displayName: 'Somebody else' });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(first.body.displayName).toBe('Ann');
  });

  it('200: takes the two spellings of a GUID for one subject', async () => {
    const subject = randomUUID();
    const first = await directory.create(subject.toUpperCase());
    expect((await directory.create(subject)).body).toEqual(first.body);
  });

  it('201: links an identity that exists at ACS, without asking ACS', async () => {
    const communicationUserId = directory.foreignId();
    const before = (await service().emulator.control.listIdentities()).length;
    const linked = await directory.create(undefined, { communicationUserId });
    expect(linked.status).toBe(201);
    expect(linked.body).toMatchObject({ communicationUserId, status: 'active' });
    expect(await service().emulator.control.listIdentities()).toHaveLength(before);
    expect((await directory.create(linked.body.subject, { communicationUserId })).status).toBe(200);
  });

  it('gives a person that administrators created the same identity at the first token', async () => {
    const token = await service().token('bob');
    const { oid } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      oid: string;
    };
    const created = await directory.create(oid);
    const issued = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
    service().scanner.forbid(issued.body.token);
    expect(issued.body.identity.communicationUserId).toBe(created.body.communicationUserId);
  });

  it('400: refuses a wrong kind, a malformed 8:acs: id, unknown fields and hidden characters, all at once', async () => {
    const answer = await directory.create('a\u202eb', {
      kind: 'robot',
      communicationUserId: '8:acs:nonsense',
      role: 'owner',
    });
    expect(answer.status).toBe(400);
    const errors = answer.body.errors as { pointer: string }[];
    const pointers = errors.map(({ pointer }) => pointer);
    expect(pointers).toEqual(
      expect.arrayContaining(['/kind', '/communicationUserId', '/subject', '']),
    );
  });

  it('401, 403: refuses strangers and people without the permission', async () => {
    const body = { kind: 'user', subject: 'x' };
    expect((await call(service().url, 'post', '/v1/identities', { body })).status).toBe(401);
    for (const who of ['alice', 'mallory', 'grace'] as const) {
      const token = await service().token(who);
      const answer = await call(service().url, 'post', '/v1/identities', { token, body });
      expect(answer.status).toBe(403);
    }
  });

  it('403: refuses another tenant, and records the attempt', async () => {
    const tenant = service().emulator.secondTenantId;
    const answer = await directory.create(undefined, { tenant });
    expect(answer).toMatchObject({ status: 403, body: problem('tenant-not-allowed') });
    expect(await service().newestEntry()).toMatchObject({
      action: 'authorization.deny',
      target: { tenant },
    });
  });

  it('409: refuses a second kind for one subject', async () => {
    const { body } = await directory.create();
    const answer = await directory.create(body.subject, { kind: 'bot' });
    expect(answer).toMatchObject({ status: 409, body: problem('identity-kind-conflict') });
  });

  it('409: refuses to link an identity of a resource that is not configured', async () => {
    const communicationUserId = directory.foreignId(randomUUID());
    const answer = await directory.create(undefined, { communicationUserId });
    expect(answer).toMatchObject({ status: 409, body: problem('resource-not-configured') });
  });

  it('409: refuses to link what is mapped to somebody else, on either side, and what was deleted', async () => {
    const { body: one } = await directory.create();
    const { body: other } = await directory.create();
    const { communicationUserId } = other;
    const conflict = { status: 409, body: problem('identity-link-conflict') };
    expect(await directory.create(one.subject, { communicationUserId })).toMatchObject(conflict);
    expect(await directory.create(randomUUID(), { communicationUserId })).toMatchObject(conflict);
    await directory.asAda('delete', `/v1/identities/${other.id}`);
    expect(await directory.create(randomUUID(), { communicationUserId })).toMatchObject(conflict);
  });

  it('503: creates nothing when ACS loses its answer, records the unknown outcome, and creates one at the repeat', async () => {
    const subject = randomUUID();
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'create',
      kind: 'reply-lost',
      count: 1,
    });
    const lost = await directory.create(subject);
    expect(lost).toMatchObject({ status: 503, body: problem('acs-outcome-unknown') });
    expect(lost.headers['retry-after']).toBeDefined();
    expect(await service().newestEntry()).toMatchObject({
      action: 'identity.outcome-unknown',
      target: { subject },
    });
    expect((await directory.create(subject)).status).toBe(201);
  });
});
