import { randomUUID } from 'node:crypto';
import { AzureCommunicationTokenCredential } from '@azure/communication-common';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import {
  type MintRequest,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  SAMPLE_TENANTS,
} from '../../apps/emulator/src/index.js';
import { CLIENT_EXCHANGE_ROUTES } from '../security/routes.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { runningTlsFront } from '../support/tls-front.js';

const PAGE = 'https://app.contoso.example';

const service = runningService({
  environment: {
    ...CLIENT_EXCHANGE_ROUTES,
    ALLOWED_ORIGINS: PAGE,
    ACS_TIMEOUT_MS: '2500',
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
  },
});
const front = runningTlsFront(() => service().url);

const tenant = SAMPLE_TENANTS.home.id;
const webApp = SAMPLE_APPS['sample-web-app'].clientId;
const TEAMS_SCOPE = 'https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls';
const CLIENTS_SCOPE = 'https://communication.azure.com/clients/VoIP';
const TEAMS_PATH = '/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30';

/** A token of a user whom the service has not seen, for the API of the exchange. */
async function entraToken(objectId: string, changes: MintRequest = {}): Promise<string> {
  const claims = { oid: objectId, ...changes.claims };
  const { control } = service().emulator;
  const minted = { person: 'alice', resource: 'teams', ...changes, claims } as const;
  const token = await control.mintToken(minted);
  service().scanner.forbid(token);
  return token;
}

/** Microsoft's client, unmodified. It requests its first token at once. */
function client(scope: string, getToken: () => Promise<string>): AzureCommunicationTokenCredential {
  return new AzureCommunicationTokenCredential({
    resourceEndpoint: front(),
    tokenCredential: {
      getToken: async () => ({
        token: await getToken(),
        expiresOnTimestamp: Date.now() + 3_600_000,
      }),
    },
    scopes: [scope],
  });
}

async function assign(objectId: string, clientIds: readonly string[] = []): Promise<void> {
  const path = `/v1/teams-phone/assignments/${tenant}/${objectId}`;
  const body = { principalType: 'user', clientIds };
  const token = await service().token('ada');
  expect((await call(service().url, 'put', path, { token, body })).status).toBe(201);
}

async function entriesOf(objectId: string) {
  const entries = await service().auditEntries();
  return entries.filter(
    ({ action, target }) => action === 'token.exchange' && target?.subject === objectId,
  );
}

const idOf = (objectId: string, mark = ''): string =>
  `8:acs:${service().emulator.acsResourceId}_${mark}${tenant}_${objectId}`;

async function exchange(token: string, path = TEAMS_PATH, body: unknown = {}) {
  return call(service().url, 'post', path, { token, body });
}

describe('Microsoft’s client with Entra options', () => {
  it('gets and refreshes its token from the service, and each one is in the log', async () => {
    const objectId = randomUUID();
    await assign(objectId, [webApp]);
    let signIns = 0;
    const credential = client(TEAMS_SCOPE, async () => {
      signIns += 1;
      return entraToken(objectId, { expiresInSeconds: 3600 + 60 * signIns });
    });
    const tokens = [await credential.getToken(), await credential.getToken()];
    credential.dispose();
    const { control } = service().emulator;
    for (const { token, expiresOnTimestamp } of tokens) {
      service().scanner.forbid(token);
      const expected = { valid: true, communicationUserId: idOf(objectId) };
      expect(await control.validateAcsToken(token)).toMatchObject(expected);
      expect(expiresOnTimestamp).toBeGreaterThan(Date.now());
    }
    const entries = await entriesOf(objectId);
    expect(entries.length).toBe(signIns);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        outcome: 'success',
        actor: { subject: objectId, tenant, clientApp: webApp },
        target: { communicationUserId: idOf(objectId), resource: 'default' },
        policy: { rule: 'default' },
        token: { fingerprint: expect.any(String), scopes: ['teams.extension'] },
        upstream: { correlationVector: expect.any(String) },
        details: {
          exchange: 'teams-extension',
          assignment: expect.any(String),
          assignmentVersion: 1,
        },
      });
      expect(entry.upstream).not.toHaveProperty('secretVersion');
    }
    expect(new Set(entries.map(({ token }) => token?.fingerprint)).size).toBe(signIns);
    service().scanner.assertClean('the audit log', [JSON.stringify(entries)]);
  });

  it('is refused without an assignment, and the refusal names the user', async () => {
    const objectId = randomUUID();
    const refused = client(TEAMS_SCOPE, async () => entraToken(objectId)).getToken();
    await expect(refused).rejects.toThrow(/Status: 403.*access-not-assigned/);
    expect(await entriesOf(objectId)).toMatchObject([
      {
        outcome: 'denied',
        reason: { code: 'access-not-assigned' },
        target: { communicationUserId: idOf(objectId) },
      },
    ]);
  });

  it('gets a token of an Entra user directly, with the scope of the preview', async () => {
    const objectId = randomUUID();
    const getToken = async () => entraToken(objectId, { resource: 'communication-clients' });
    const { token } = await client(CLIENTS_SCOPE, getToken).getToken();
    service().scanner.forbid(token);
    const communicationUserId = idOf(objectId, 'wf_');
    expect(await entriesOf(objectId)).toMatchObject([
      { outcome: 'success', target: { communicationUserId }, details: { exchange: 'entra' } },
    ]);
    const { control } = service().emulator;
    expect(await control.validateAcsToken(token)).toMatchObject({ valid: true });
  });
});

describe('POST /access/teamsExtension/:exchangeAccessToken', () => {
  it('200: answers as ACS does, and nothing else', async () => {
    const objectId = randomUUID();
    await assign(objectId);
    const { status, body, headers } = await exchange(await entraToken(objectId));
    expect(status).toBe(200);
    expect(body).toEqual({
      identity: { id: idOf(objectId) },
      accessToken: { token: expect.any(String), expiresOn: expect.any(String) },
    });
    expect(headers['cache-control']).toBe('no-store');
    service().scanner.forbid((body as { accessToken: { token: string } }).accessToken.token);
  });

  it.each<[string, number, string, MintRequest]>([
    ['a token for this service', 401, 'invalid-token', { resource: 'api' }],
    [
      'a token for the API of the other exchange',
      401,
      'invalid-token',
      { resource: 'communication-clients' },
    ],
    ['an expired token', 401, 'invalid-token', { expiresInSeconds: -600 }],
    ['a token with a forged signature', 401, 'invalid-token', { sign: 'impostor' }],
    ['a tenant that is not allowed', 401, 'invalid-token', { tenant: SAMPLE_TENANTS.third.id }],
    [
      'a token without the scope',
      403,
      'insufficient-permission',
      { claims: { scp: 'Teams.ManageCalls CommunicationToken.Issue' } },
    ],
    [
      'an application without a user',
      403,
      'insufficient-permission',
      { claims: { scp: null, idtyp: 'app', roles: ['TeamsExtension.ManageCalls'] } },
    ],
  ])('refuses %s (%i), and sends nothing to ACS', async (_what, status, problem, changes) => {
    const objectId = randomUUID();
    const { control } = service().emulator;
    const before = await control.readJournal({ service: 'acs' });
    const answer = await exchange(await entraToken(objectId, changes));
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ type: `urn:acs-identity:problem:${problem}` });
    const since = before.at(-1)?.sequence ?? 0;
    const calls = await control.readJournal({ service: 'acs', since });
    expect(calls.filter(({ path }) => path.includes('exchangeAccessToken'))).toEqual([]);
  });

  it.each([
    ['another version', '/access/teamsExtension/:exchangeAccessToken?api-version=2023-10-01', {}],
    ['no version', '/access/teamsExtension/:exchangeAccessToken', {}],
    ['an unknown member', TEAMS_PATH, { userId: randomUUID() }],
    ['an unknown parameter', `${TEAMS_PATH}&scope=voip`, {}],
  ])('400: refuses %s', async (_what, path, body) => {
    expect((await exchange(await entraToken(randomUUID()), path, body)).status).toBe(400);
  });

  it('204: lets an allowed page send what the client library sends, and no other page', async () => {
    const preflight = async (origin: string) =>
      request(service().url)
        .options(TEAMS_PATH)
        .set({ origin, 'access-control-request-method': 'POST' });
    const { status, headers } = await preflight(PAGE);
    expect(status).toBe(204);
    expect(headers['access-control-allow-origin']).toBe(PAGE);
    const sent = ['authorization', 'content-type', 'x-ms-client-request-id', 'x-ms-useragent'];
    const allowed = String(headers['access-control-allow-headers']).split(', ');
    expect(allowed).toEqual(expect.arrayContaining(sent));
    const other = await preflight('https://evil.example');
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('401: gives its tokens no other route', async () => {
    const token = await entraToken(randomUUID());
    for (const path of ['/v1/me', '/v1/me/identity']) {
      expect((await call(service().url, 'get', path, { token })).status).toBe(401);
    }
  });

  it('403: refuses a deleted assignment, whose tokens ACS revokes', async () => {
    const objectId = randomUUID();
    await assign(objectId);
    const token = await entraToken(objectId);
    const { body } = await exchange(token);
    const given = (body as { accessToken: { token: string } }).accessToken.token;
    service().scanner.forbid(given);
    const later = await exchange(await entraToken(objectId, { expiresInSeconds: 1800 }));
    expect(later.status).toBe(200);
    const traced = async () => {
      const options = { token: await service().token('grace'), body: { token: given } };
      const trace = (await call(service().url, 'post', '/v1/audit/trace', options)).body as {
        entries: unknown[];
        liveSiblings: unknown[];
      };
      return { entries: trace.entries.length, liveSiblings: trace.liveSiblings.length };
    };
    expect(await traced()).toEqual({ entries: 1, liveSiblings: 1 });
    const path = `/v1/teams-phone/assignments/${tenant}/${objectId}`;
    await call(service().url, 'delete', path, { token: await service().token('ada') });
    expect((await exchange(token)).body).toMatchObject({
      type: 'urn:acs-identity:problem:access-not-assigned',
    });
    const { control } = service().emulator;
    expect(await control.validateAcsToken(given)).toMatchObject({ valid: false });
    expect(await traced()).toEqual({ entries: 1, liveSiblings: 0 });
  });

  it('403: refuses somebody whose identity is suspended', async () => {
    const objectId = randomUUID();
    const token = await service().token('ada');
    const body = { kind: 'user', subject: objectId };
    const { body: created } = await call(service().url, 'post', '/v1/identities', { token, body });
    const path = `/v1/identities/${(created as { id: string }).id}`;
    await call(service().url, 'patch', path, { token, body: { status: 'suspended' } });
    const { status, body: problem } = await exchange(await entraToken(objectId));
    expect(status).toBe(403);
    expect(problem).toMatchObject({ type: 'urn:acs-identity:problem:mapping-not-active' });
    expect((await entriesOf(objectId)).at(-1)).toMatchObject({
      outcome: 'denied',
      reason: { code: 'mapping-not-active' },
      target: { communicationUserId: idOf(objectId) },
    });
  });

  it('loses its tokens in a mass revocation, and gets new ones afterwards', async () => {
    const objectId = randomUUID();
    await assign(objectId);
    const { control } = service().emulator;
    const exchanged = async (): Promise<string> => {
      const { status, body } = await exchange(await entraToken(objectId));
      expect(status).toBe(200);
      const { token } = (body as { accessToken: { token: string } }).accessToken;
      service().scanner.forbid(token);
      return token;
    };
    const old = await exchanged();
    // ACS does not confirm yet.
    const fault = { service: 'acs', operation: 'unassign', kind: 'status', status: 500 } as const;
    await control.addFault(fault);
    const token = await service().token('ada');
    const start = { token, body: { everyone: true, reason: 'a spec' } };
    const started = await call(service().url, 'post', '/v1/revocations', start);
    expect(started.status).toBe(202);
    const refused = await exchange(await entraToken(objectId));
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('5');
    await control.removeFaults();
    const path = `/v1/revocations/${(started.body as { id: string }).id}`;
    await expect
      .poll(async () => call(service().url, 'get', path, { token }), { timeout: 60_000 })
      .toMatchObject({ body: { status: 'completed', remainingAssignments: 0 } });
    expect(await control.validateAcsToken(old)).toMatchObject({ valid: false });
    expect(await control.validateAcsToken(await exchanged())).toMatchObject({ valid: true });
  }, 90_000);

  it('loses its tokens when its application is taken away from the assignment', async () => {
    const objectId = randomUUID();
    await assign(objectId, [webApp]);
    const { body } = await exchange(await entraToken(objectId));
    const given = (body as { accessToken: { token: string } }).accessToken.token;
    service().scanner.forbid(given);
    const token = await service().token('ada');
    const path = `/v1/teams-phone/assignments/${tenant}/${objectId}`;
    const other = { principalType: 'user', clientIds: [randomUUID()] };
    const replaced = await call(service().url, 'put', path, { token, body: other });
    expect(replaced).toMatchObject({ status: 200, body: { status: 'active' } });
    const { control } = service().emulator;
    expect(await control.validateAcsToken(given)).toMatchObject({ valid: false });
    expect((await exchange(await entraToken(objectId))).body).toMatchObject({
      type: 'urn:acs-identity:problem:access-not-assigned',
    });
  });

  it('loses its tokens when the user signs out, with and without an identity here', async () => {
    const { control } = service().emulator;
    for (const hasIdentity of [false, true]) {
      const objectId = randomUUID();
      await assign(objectId);
      const { body } = await exchange(await entraToken(objectId));
      const given = (body as { accessToken: { token: string } }).accessToken.token;
      service().scanner.forbid(given);
      const minted = { person: 'alice', resource: 'api', claims: { oid: objectId } } as const;
      const token = await control.mintToken(minted);
      service().scanner.forbid(token);
      if (hasIdentity) {
        const issued = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
        expect(issued.status).toBe(200);
        service().scanner.forbid((issued.body as { token: string }).token);
      }
      const left = await call(service().url, 'post', '/v1/me/sign-out', { token });
      expect(left).toMatchObject({ status: 202, body: { effectiveWithinMinutes: 15 } });
      expect(await control.validateAcsToken(given)).toMatchObject({ valid: false });
    }
  });

  it('503: never calls an outage of ACS a fault of the caller', async () => {
    const objectId = randomUUID();
    const { control } = service().emulator;
    const operation = 'exchangeTeamsExtension';
    const id = await control.addFault({ service: 'acs', operation, kind: 'status', status: 500 });
    const { status, headers } = await exchange(await entraToken(objectId));
    await control.removeFaults(id);
    expect(status).toBe(503);
    expect(headers['retry-after']).toBeDefined();
    expect(await entriesOf(objectId)).toMatchObject([
      { outcome: 'failure', reason: { code: 'acs-unavailable' } },
    ]);
  });
});

describe('ids of Teams', () => {
  it('are accepted where identities are looked up and searched for, in any capitals', async () => {
    const { objectId } = SAMPLE_PEOPLE.alice;
    const ids = [
      idOf(objectId),
      idOf(objectId, 'wf_'),
      `8:orgid:${objectId}`,
      `8:gcch:${objectId}`,
      `8:dod-acs:${randomUUID()}_${tenant}_${objectId}`,
      `28:orgid:${objectId}`,
    ];
    const token = await service().token('ada');
    const options = { token, body: { communicationUserIds: ids.map((id) => id.toUpperCase()) } };
    const found = await call(service().url, 'post', '/v1/identities/lookup', options);
    const items = ids.map((communicationUserId) => ({ communicationUserId, identity: null }));
    expect(found).toMatchObject({ status: 200, body: { items } });
    const auditor = { token: await service().token('grace') };
    await exchange(await entraToken(objectId));
    const query = encodeURIComponent(idOf(objectId).toUpperCase());
    const path = `/v1/audit/entries?communicationUserId=${query}`;
    const { body } = await call(service().url, 'get', path, auditor);
    expect((body as { items: unknown[] }).items).not.toEqual([]);
  });

  it('are linked to their own tenant’s identities only, and not those of no ACS resource', async () => {
    const token = await service().token('ada');
    const subject = randomUUID();
    const link = async (communicationUserId: string) => {
      const body = { kind: 'user', subject, communicationUserId };
      return call(service().url, 'post', '/v1/identities', { token, body });
    };
    const other = idOf(subject).replace(tenant, SAMPLE_TENANTS.second.id);
    for (const [id, status, problem] of [
      [`8:orgid:${subject}`, 409, 'resource-not-configured'],
      [other, 403, 'identity-link-not-allowed'],
    ] as const) {
      const refused = await link(id);
      expect(refused).toMatchObject({ status });
      expect(refused.body).toMatchObject({ type: `urn:acs-identity:problem:${problem}` });
    }
    const ofAnother = [
      idOf(randomUUID()),
      idOf(randomUUID()).replace(`_${tenant}`, `_wf_${tenant}`),
    ];
    for (const id of ofAnother) expect(await link(id)).toMatchObject({ status: 403 });
    const linked = await link(idOf(subject).toUpperCase());
    expect(linked).toMatchObject({ status: 201, body: { communicationUserId: idOf(subject) } });
  });
});
