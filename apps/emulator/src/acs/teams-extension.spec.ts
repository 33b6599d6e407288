import { createHash, createHmac, randomUUID } from 'node:crypto';
import { AzureCommunicationTokenCredential } from '@azure/communication-common';
import { describe, expect, it } from 'vitest';
import { type PersonName, SAMPLE_APPS, SAMPLE_PEOPLE, type ResourceName } from '../index.js';
import { claimsOf, serviceCredential, useEmulator } from '../testing.js';

const running = useEmulator();
const { alice } = SAMPLE_PEOPLE;
const CLIENTS = 'https://communication.azure.com/clients/VoIP';
const TEAMS_EXTENSION = 'https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls';

interface SignedCall {
  readonly method: string;
  readonly path: string;
  readonly version?: string;
  readonly body?: object;
  readonly dateHeader?: 'date' | 'x-ms-date';
}

/** Signs by hand, as Microsoft's sample does. */
async function call({ method, path, version = '2026-09-23', ...rest }: SignedCall) {
  const { body, dateHeader = 'x-ms-date' } = rest;
  const { acsUrl, acsAccessKey } = running();
  const target = `${path}?api-version=${version}`;
  const content = body === undefined ? '' : JSON.stringify(body);
  const hash = createHash('sha256').update(content).digest('base64');
  const date = new Date().toUTCString();
  const { host } = new URL(acsUrl);
  const signature = createHmac('sha256', Buffer.from(acsAccessKey, 'base64'))
    .update(`${method}\n${target}\n${date};${host};${hash}`)
    .digest('base64');
  const response = await fetch(`${acsUrl}${target}`, {
    method,
    ...(body && { body: content }),
    headers: {
      'content-type': 'application/json',
      [dateHeader]: date,
      'x-ms-content-sha256': hash,
      authorization: `HMAC-SHA256 SignedHeaders=${dateHeader};host;x-ms-content-sha256&Signature=${signature}`,
    },
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as object) };
}

function pathOf(objectId: string = alice.objectId, tenantId: string = alice.tenantId): string {
  return `/access/teamsExtension/tenants/${tenantId}/assignments/${objectId}`;
}

async function assign(principalType = 'user', clientIds?: readonly string[]): Promise<void> {
  const body = { principalType, ...(clientIds && { clientIds }) };
  await call({ method: 'PUT', path: pathOf(), body });
}

async function mint(resource: ResourceName, person: PersonName = 'alice'): Promise<string> {
  return running().control.mintToken({ person, resource });
}

/** Microsoft's client, unmodified. */
function client(scope: string, entraToken: string): AzureCommunicationTokenCredential {
  const tokenCredential = {
    getToken: async () =>
      Promise.resolve({ token: entraToken, expiresOnTimestamp: Date.now() + 3_600_000 }),
  };
  const resourceEndpoint = running().acsUrl;
  return new AzureCommunicationTokenCredential({
    ...{ resourceEndpoint, tokenCredential },
    scopes: [scope],
  });
}

describe('an assignment of Teams Phone extensibility', () => {
  it('is created (201), replaced (200), read and deleted (204), also twice', async () => {
    const path = pathOf();
    const clientIds = [randomUUID()];
    const created = await call({ method: 'PUT', path, body: { principalType: 'User' } });
    const expected = { objectId: alice.objectId, tenantId: alice.tenantId, principalType: 'user' };
    expect(created).toEqual({ status: 201, body: { ...expected, clientIds: [] } });
    const body = { principalType: 'user', clientIds };
    const replaced = await call({ method: 'PUT', path, body });
    expect(replaced).toEqual({ status: 200, body: { ...expected, clientIds } });
    expect(await call({ method: 'GET', path })).toEqual(replaced);
    expect(await running().control.listAssignments()).toEqual([
      { resource: 'main', ...expected, clientIds },
    ]);
    for (let time = 0; time < 2; time += 1) {
      expect(await call({ method: 'DELETE', path })).toEqual({ status: 204, body: undefined });
    }
    expect(await call({ method: 'GET', path })).toMatchObject({ status: 404 });
  });

  it.each([
    ['2025-06-30', 'teamsResourceAccount', 'resourceAccount'],
    ['2026-07-22', 'resourceAccount', 'teamsResourceAccount'],
    ['2026-09-23', 'resourceAccount', 'teamsResourceAccount'],
  ])(
    'names a resource account as version %s does, in any capitals',
    async (version, own, other) => {
      const put = { method: 'PUT', path: pathOf(randomUUID()), version };
      const stored = await call({ ...put, body: { principalType: own.toUpperCase() } });
      expect(stored).toMatchObject({ status: 201, body: { principalType: own } });
      const refused = await call({ ...put, body: { principalType: other } });
      expect(refused).toMatchObject({ status: 400, body: { error: { code: 'ValidationError' } } });
    },
  );

  it('is not known to the version before, and needs valid ids and a type', async () => {
    const put = { method: 'PUT', path: pathOf(), body: { principalType: 'user' } };
    const bad: SignedCall[] = [
      { ...put, version: '2023-10-01' },
      { ...put, path: pathOf('alice') },
      { ...put, path: pathOf(randomUUID(), 'contoso') },
      { ...put, body: {} },
      { ...put, body: { principalType: 'group' } },
      { ...put, body: { principalType: 'user', clientIds: ['app'] } },
    ];
    for (const request of bad) expect(await call(request)).toMatchObject({ status: 400 });
    expect(await running().control.listAssignments()).toEqual([]);
  });

  it('is made with a signed `date` as well as with `x-ms-date`, and with an Entra credential', async () => {
    const signed = { method: 'PUT', path: pathOf(), body: { principalType: 'user' } };
    expect(await call({ ...signed, dateHeader: 'date' })).toMatchObject({ status: 201 });
    const credential = serviceCredential(running());
    const { token } = await credential.getToken('https://communication.azure.com//.default');
    const target = `${running().acsUrl}${pathOf()}?api-version=2026-09-23`;
    const headers = { authorization: `Bearer ${token}` };
    expect(await fetch(target, { headers })).toMatchObject({ status: 200 });
    expect(await fetch(target)).toMatchObject({ status: 401 });
  });

  it('counts a request that is refused against its limit', async () => {
    await running().control.changeAcs({ limits: { assign: 2 } });
    const put = { method: 'PUT', path: pathOf() };
    for (const status of [400, 400, 429]) {
      expect(await call({ ...put, body: {} })).toMatchObject({ status });
    }
  });
});

describe('the official client with Entra options', () => {
  it('gets a token of Teams Phone extensibility, until the assignment is deleted', async () => {
    await assign();
    const entraToken = await mint('teams');
    const { token, expiresOnTimestamp } = await client(TEAMS_EXTENSION, entraToken).getToken();
    const id = `8:acs:${running().acsResourceId}_${alice.tenantId}_${alice.objectId}`;
    expect(`8:${String(claimsOf(token).skypeid)}`).toBe(id);
    expect(expiresOnTimestamp).toBeGreaterThan(Date.now());
    const { control } = running();
    expect(await control.validateAcsToken(token)).toMatchObject({
      valid: true,
      communicationUserId: id,
    });
    await call({ method: 'DELETE', path: pathOf() });
    await assign();
    expect(await control.validateAcsToken(token)).toMatchObject({
      valid: false,
      reason: 'revoked',
    });
    const renewed = await client(TEAMS_EXTENSION, entraToken).getToken();
    expect(await control.validateAcsToken(renewed.token)).toMatchObject({ valid: true });
  });

  it.each<[string, number, () => Promise<void> | undefined, ResourceName]>([
    ['without an assignment', 403, () => undefined, 'teams'],
    ['for another application', 403, async () => assign('user', [randomUUID()]), 'teams'],
    ['with a token for another API', 401, async () => assign(), 'graph'],
  ])('is refused %s (%i)', async (_why, status, arrange, resource) => {
    await arrange();
    const refused = client(TEAMS_EXTENSION, await mint(resource)).getToken();
    await expect(refused).rejects.toThrow(`Status: ${status}`);
  });

  it('is admitted for an application that the assignment names', async () => {
    await assign('user', [SAMPLE_APPS['sample-web-app'].clientId]);
    await expect(client(TEAMS_EXTENSION, await mint('teams')).getToken()).resolves.toBeDefined();
  });

  it('gets a token of an Entra user without Teams, with the scope of the preview', async () => {
    const { token } = await client(CLIENTS, await mint('communication-clients')).getToken();
    const id = `acs:${running().acsResourceId}_wf_${alice.tenantId}_${alice.objectId}`;
    expect(claimsOf(token).skypeid).toBe(id);
    expect(await running().control.validateAcsToken(token)).toMatchObject({ valid: true });
    const refused = client(CLIENTS, await mint('communication')).getToken();
    await expect(refused).rejects.toThrow('Status: 401');
  });
});
