import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import { call } from '../../support/call.js';
import { IdentitiesApi } from '../../support/identities-api.js';
import { runningService } from '../../support/running-service.js';
import type { SampleCaller } from '../../support/service.js';
import { issue, type IssuedToken, newPerson } from '../../support/tokens-api.js';

const service = runningService();
const identities = new IdentitiesApi(service);
const created: { id: string; kind: string; subject: string; communicationUserId: string }[] = [];

beforeAll(async () => {
  for (let n = 0; n < 12; n += 1) {
    const kind = ['user', 'service', 'bot'][n % 3];
    created.push(
      (await identities.create(`person-${n}`, { kind })).body as (typeof created)[number],
    );
  }
});

async function pages(query: string): Promise<string[][]> {
  const found: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const path = `/v1/identities?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const { status, body } = await identities.asAda('get', path);
    expect(status).toBe(200);
    found.push((body.items as { id: string }[]).map(({ id }) => id));
    cursor = body.nextCursor as string | null;
  }
  return found;
}

describe('GET /v1/identities', () => {
  it('200: pages through the tenant’s identities in order of creation, each once', async () => {
    const found = await pages('limit=5');
    expect(found.map((page) => page.length)).toEqual([5, 5, 2]);
    expect(found.flat()).toEqual(created.map(({ id }) => id));
  });

  it('200: filters by kind, subject, communication identity and status', async () => {
    const bots = created.filter(({ kind }) => kind === 'bot').map(({ id }) => id);
    expect((await pages('kind=bot&limit=3')).flat()).toEqual(bots);
    expect((await pages('kind=bot&status=active&limit=100')).flat()).toEqual(bots);
    expect((await pages('status=suspended')).flat()).toEqual([]);
    expect((await pages('subject=person-7')).flat()).toEqual([created[7]?.id]);
    const id = encodeURIComponent(created[4]?.communicationUserId ?? '');
    expect((await pages(`communicationUserId=${id}`)).flat()).toEqual([created[4]?.id]);
  });

  it('200: finds by the beginning of a name, without recording it', async () => {
    const { body } = await identities.create('named', { kind: 'bot', displayName: 'Zoë Zimmer' });
    const { id } = body as { id: string };
    expect((await pages('displayName=zo')).flat()).toEqual([id]);
    expect((await pages('displayName=zimmer')).flat()).toEqual([]);
    expect((await pages('displayName=Z_&limit=100')).flat()).toEqual([]);
    expect(JSON.stringify(await service().auditEntries())).not.toContain('zimmer');
    await identities.asAda('delete', `/v1/identities/${id}`);
  });

  it('200, 403: takes the caller’s own tenant, and no other', async () => {
    expect((await pages(`tenant=${SAMPLE_TENANTS.home.id}&limit=100`)).flat()).toHaveLength(12);
    const other = `/v1/identities?tenant=${SAMPLE_TENANTS.second.id}`;
    expect((await identities.asAda('get', other)).status).toBe(403);
  });

  it('200: returns no identity of another tenant', async () => {
    expect((await identities.asOtherTenant('get', '/v1/identities')).body.items).toEqual([]);
    const id = encodeURIComponent(created[0]?.communicationUserId ?? '');
    const byId = await identities.asOtherTenant('get', `/v1/identities?communicationUserId=${id}`);
    expect(byId.body.items).toEqual([]);
  });

  it('400: refuses invalid limits, cursors and filters, and unknown parameters', async () => {
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'cursor=abc',
      'kind=robot',
      'status=gone',
      'communicationUserId=8:acs:x',
      'owner=other',
      'kind=user&kind=bot',
    ]) {
      const { status, body } = await identities.asAda('get', `/v1/identities?${query}`);
      expect(status, query).toBe(400);
      expect(body.errors.length, query).toBeGreaterThan(0);
    }
  });
});

describe('POST /v1/identities/lookup', () => {
  it('200: returns the owner of each communication identity in the requested order, and records the read', async () => {
    const communicationUserIds = [
      created[3]?.communicationUserId,
      identities.foreignId(),
      created[1]?.communicationUserId,
    ];
    const { status, body } = await identities.asAda('post', '/v1/identities/lookup', {
      body: { communicationUserIds },
    });
    expect(status).toBe(200);
    expect(body.items).toEqual([
      { communicationUserId: communicationUserIds[0], identity: created[3] },
      { communicationUserId: communicationUserIds[1], identity: null },
      { communicationUserId: communicationUserIds[2], identity: created[1] },
    ]);
    expect(await service().newestEntry()).toMatchObject({ action: 'identity.read' });
  });

  it('200: returns no owner of another tenant', async () => {
    const communicationUserIds = [created[0]?.communicationUserId];
    const { body } = await identities.asOtherTenant('post', '/v1/identities/lookup', {
      communicationUserIds,
    });
    expect(body.items[0].identity).toBeNull();
  });

  it('400: refuses more than 100 ids, no ids, and malformed ids', async () => {
    const many = Array.from({ length: 101 }, () => identities.foreignId());
    for (const communicationUserIds of [many, [], ['8:acs:x'], [randomUUID()], 'x']) {
      const answer = await identities.asAda('post', '/v1/identities/lookup', {
        body: { communicationUserIds },
      });
      expect(answer.status).toBe(400);
    }
  });
});

async function issueFor(id: string, who: SampleCaller, body: unknown = {}) {
  const token = await service().token(who);
  return call(service().url, 'post', `/v1/identities/${id}/tokens`, { token, body });
}

describe('POST /v1/identities/{id}/tokens', () => {
  let alice: IssuedToken['identity'];
  beforeAll(async () => {
    alice = (await issue(service(), 'alice')).identity;
  });

  it('200: issues another identity’s token to an app with the permission, and records both', async () => {
    const { status, body, headers } = await issueFor(alice.id, 'crm-service', { scopes: ['voip'] });
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body.identity).toMatchObject(alice);
    expect(await service().emulator.control.validateAcsToken(body.token)).toMatchObject({
      valid: true,
      communicationUserId: alice.communicationUserId,
    });
    expect((await service().auditEntries())[body.auditEntry.index]).toMatchObject({
      action: 'token.issue',
      outcome: 'success',
      actor: { kind: 'service' },
      target: { communicationUserId: alice.communicationUserId },
      policy: { rule: 'default' },
      details: { forOthers: true },
    });
  });

  it('400: refuses a malformed id, and a body with faults', async () => {
    expect((await issueFor('alice', 'crm-service')).status).toBe(400);
    expect((await issueFor(alice.id, 'crm-service', { scopes: ['video'] })).status).toBe(400);
  });

  it('401, 403: refuses calls without a token, and callers who may only issue for themselves', async () => {
    const path = `/v1/identities/${alice.id}/tokens`;
    expect((await call(service().url, 'post', path, { body: {} })).status).toBe(401);
    expect((await issueFor(alice.id, 'alice')).status).toBe(403);
    expect((await issueFor(alice.id, 'support-bot')).status).toBe(403);
  });

  it('403: issues nothing for a suspended identity', async () => {
    const ada = await service().token('ada');
    const { id } = (await issue(service(), 'bob')).identity;
    const path = `/v1/identities/${id}`;
    const { headers } = await call(service().url, 'get', path, { token: ada });
    const change = {
      token: ada,
      body: { status: 'suspended' },
      headers: { 'if-match': headers.etag ?? '' },
    };
    expect((await call(service().url, 'patch', path, change)).status).toBe(200);
    await expect
      .poll(async () => (await issueFor(id, 'crm-service')).body.type as string)
      .toBe('urn:acs-identity:problem:mapping-not-active');
  });

  it('404: does not distinguish another tenant’s identity from a missing one', async () => {
    const roles = ['CommunicationToken.Issue.All', 'CommunicationToken.Revoke.All'];
    const token = await service().emulator.control.mintToken({
      person: 'olga',
      claims: { scp: roles.join(' '), roles },
    });
    for (const route of ['tokens', 'tokens/revoke']) {
      const [theirs, missing] = await Promise.all(
        [alice.id, randomUUID()].map(async (id) =>
          call(service().url, 'post', `/v1/identities/${id}/${route}`, { token }),
        ),
      );
      expect(theirs?.status).toBe(404);
      const { requestId: _one, ...actual } = theirs?.body as Record<string, unknown>;
      const { requestId: _other, ...expected } = missing?.body as Record<string, unknown>;
      expect(actual).toEqual(expected);
    }
  });
});

describe('POST /v1/identities/{id}/tokens/revoke', () => {
  it('202: revokes another identity’s tokens; 403: not without the permission', async () => {
    const { token, identity } = await issue(service(), await newPerson(service()));
    const revoke = async (who: SampleCaller) =>
      call(service().url, 'post', `/v1/identities/${identity.id}/tokens/revoke`, {
        token: await service().token(who),
      });
    expect((await revoke('crm-service')).status).toBe(403);
    expect((await revoke('ada')).status).toBe(202);
    const isValid = async () => (await service().emulator.control.validateAcsToken(token)).valid;
    await expect.poll(isValid).toBe(false);
  });
});
