import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import { acsIdentity, operatorEnvironment } from '../../support/acs-identity.js';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';

const service = runningService({
  replicas: 2,
  environment: {
    ACS_TIMEOUT_MS: '2500',
    ACS_BUDGET_MAX_WAIT_MS: '1500',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
  },
});
const tenant = SAMPLE_TENANTS.home.id;
const control = () => service().emulator.control;
const pathOf = (objectId: string, of: string = tenant): string =>
  `/v1/teams-phone/assignments/${of}/${objectId}`;

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

async function asAda(method: Method, path: string, body?: object, replica = 0) {
  const url = service().urlOf(replica);
  return call(url, method, path, { token: await service().token('ada'), body });
}

/** Everything of the service, page by page. */
async function listed(): Promise<readonly Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query = cursor === '' ? '' : `&cursor=${cursor}`;
    const { body } = await asAda('get', `/v1/teams-phone/assignments?limit=5${query}`);
    const page = body as { items: Record<string, unknown>[]; nextCursor: string | null };
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

describe('/v1/teams-phone/assignments', () => {
  it('creates (201), replaces (200), shows, lists and deletes (204) an assignment at ACS', async () => {
    const objectId = randomUUID();
    const clientIds = [randomUUID()];
    const created = await asAda('put', pathOf(objectId), { principalType: 'user' });
    expect(created).toMatchObject({
      status: 201,
      body: { tenantId: tenant, objectId, principalType: 'user', clientIds: [], status: 'active' },
    });
    const body = { principalType: 'teamsResourceAccount', clientIds };
    const replaced = await asAda('put', pathOf(objectId), body, 1);
    expect(replaced).toMatchObject({ status: 200, body: { ...body, status: 'active' } });
    expect((await asAda('get', pathOf(objectId))).body).toEqual(replaced.body);
    expect(await listed()).toContainEqual(replaced.body);
    expect(await control().listAssignments()).toContainEqual({
      ...{
        resource: 'main',
        tenantId: tenant,
        objectId,
        principalType: 'resourceAccount',
        clientIds,
      },
    });
    for (const replica of [0, 1]) {
      expect((await asAda('delete', pathOf(objectId), undefined, replica)).status).toBe(204);
    }
    expect((await asAda('get', pathOf(objectId))).status).toBe(404);
    const left = await control().listAssignments();
    expect(left.some((assignment) => assignment.objectId === objectId)).toBe(false);
  });

  it('answers 202 while ACS does not confirm, and repeats the call until it does', async () => {
    const objectId = randomUUID();
    const fault = { service: 'acs', operation: 'assign', kind: 'reply-lost' } as const;
    const id = await control().addFault(fault);
    const put = await asAda('put', pathOf(objectId), { principalType: 'user' });
    expect(put).toMatchObject({ status: 202, body: { status: 'pending' } });
    await control().removeFaults(id);
    const status = async () =>
      ((await asAda('get', pathOf(objectId))).body as { status: string }).status;
    await expect.poll(status).toBe('active');
    const entries = (await service().auditEntries()).filter(
      ({ target }) => target?.subject === objectId,
    );
    expect(entries.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual(
      expect.arrayContaining(['teams-phone.assign success', 'teams-phone.assign unknown']),
    );
  });

  it('409: refuses somebody who is suspended, also when both are requested at the same time', async () => {
    const people: string[] = Array.from({ length: 4 }, () => randomUUID());
    await Promise.all(
      people.map(async (objectId) => {
        const identity = { kind: 'user', subject: objectId };
        const { body: created } = await asAda('post', '/v1/identities', identity);
        const { id } = created as { id: string };
        const put = async (nth: number) =>
          (await asAda('put', pathOf(objectId), { principalType: 'user' }, nth % 2)).status;
        const [suspended, ...statuses] = await Promise.all([
          asAda('patch', `/v1/identities/${id}`, { status: 'suspended' }),
          ...Array.from({ length: 4 }, async (_, nth) => put(nth)),
        ]);
        expect(suspended.status).toBe(200);
        for (const status of statuses) expect([200, 201, 202, 409, 503]).toContain(status);
        const refused = await asAda('put', pathOf(objectId), { principalType: 'user' });
        expect(refused).toMatchObject({
          status: 409,
          body: { type: 'urn:acs-identity:problem:teams-phone-assignee-not-active' },
        });
      }),
    );
    const left = async () =>
      (await control().listAssignments()).filter(({ objectId }) => people.includes(objectId));
    await expect.poll(left).toEqual([]);
  });

  it.each<[string, Method, string, object | undefined, number]>([
    ['an id that is no GUID', 'put', pathOf('alice'), { principalType: 'user' }, 400],
    ['an unknown type', 'put', pathOf(randomUUID()), { principalType: 'group' }, 400],
    ['no type', 'put', pathOf(randomUUID()), {}, 400],
    [
      'an unknown member',
      'put',
      pathOf(randomUUID()),
      { principalType: 'user', resource: 'default' },
      400,
    ],
    [
      'an application that is no GUID',
      'put',
      pathOf(randomUUID()),
      { principalType: 'user', clientIds: ['crm'] },
      400,
    ],
    ['an unknown status', 'get', '/v1/teams-phone/assignments?status=gone', undefined, 400],
    ['another tenant', 'put', pathOf(randomUUID(), randomUUID()), { principalType: 'user' }, 403],
    [
      'another tenant’s list',
      'get',
      `/v1/teams-phone/assignments?tenant=${randomUUID()}`,
      undefined,
      403,
    ],
    ['an assignment that never was', 'delete', pathOf(randomUUID()), undefined, 404],
  ])('refuses %s', async (_what, method, path, body, status) => {
    expect((await asAda(method, path, body)).status).toBe(status);
  });

  it('agrees with ACS after callers raced in two replicas while answers were lost', async () => {
    for (const operation of ['assign', 'unassign']) {
      const fault = { service: 'acs', operation, kind: 'reply-lost', probability: 0.1 } as const;
      await control().addFault(fault);
    }
    const people = Array.from({ length: 6 }, () => randomUUID());
    await Promise.all(
      Array.from({ length: 60 }, async (_, nth) => {
        const path = pathOf(people[nth % people.length] ?? '');
        const principalType = nth % 4 === 0 ? 'user' : 'teamsResourceAccount';
        const { status } = await (nth % 3 === 0
          ? asAda('delete', path, undefined, nth % 2)
          : asAda('put', path, { principalType }, nth % 2));
        expect([200, 201, 202, 204, 404, 409, 503]).toContain(status);
      }),
    );
    await control().removeFaults();
    const isSettled = async () => (await listed()).every(({ status }) => status === 'active');
    await expect.poll(isSettled).toBe(true);
    const { stdout } = await acsIdentity(['teams-phone', 'reconcile'], {
      environment: operatorEnvironment(service()),
    });
    expect(stdout).toMatch(/^\d+ compared, 0 differ, 0 left\.$/m);
    const atAcs = (await control().listAssignments()).map(({ objectId }) => objectId);
    expect(atAcs.sort()).toEqual((await listed()).map(({ objectId }) => objectId).sort());
  });
});
