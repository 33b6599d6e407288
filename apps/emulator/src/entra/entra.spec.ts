import { ClientSecretCredential, OnBehalfOfCredential } from '@azure/identity';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  type PersonName,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
} from '../index.js';
import { anyString, claimsOf, headerOf, postForm, useEmulator } from '../testing.js';

const running = useEmulator();
const api = SAMPLE_RESOURCES.api.identifiers[0];
const webApp = SAMPLE_APPS['sample-web-app'].clientId;

type Json = Record<string, unknown>;

async function getJson(path: string): Promise<Json> {
  const response = await fetch(`${running().entraUrl}${path}`);
  return (await response.json()) as Json;
}

describe('discovery', () => {
  it('has the issuer and the keys of each version, for a tenant and for the shared authorities', async () => {
    const { entraUrl, tenantId } = running();
    const discovery = '.well-known/openid-configuration';
    const v2 = await getJson(`/${tenantId}/v2.0/${discovery}`);
    expect(v2).toMatchObject({
      issuer: `${entraUrl}/${tenantId}/v2.0`,
      jwks_uri: `${entraUrl}/${tenantId}/discovery/v2.0/keys`,
      token_endpoint: `${entraUrl}/${tenantId}/oauth2/v2.0/token`,
      authorization_endpoint: `${entraUrl}/${tenantId}/oauth2/v2.0/authorize`,
      end_session_endpoint: `${entraUrl}/${tenantId}/oauth2/v2.0/logout`,
    });
    expect(await getJson(`/${tenantId}/${discovery}`)).toMatchObject({
      issuer: `https://sts.windows.net/${tenantId}/`,
      jwks_uri: `${entraUrl}/${tenantId}/discovery/keys`,
    });
    expect(await getJson(`/common/v2.0/${discovery}`)).toMatchObject({
      issuer: `${entraUrl}/{tenantid}/v2.0`,
    });
    const { keys } = (await getJson(`/organizations/discovery/v2.0/keys`)) as { keys: Json[] };
    expect(keys).toEqual([
      {
        kty: 'RSA',
        use: 'sig',
        kid: keys[0]?.x5t,
        x5t: anyString,
        n: anyString,
        e: 'AQAB',
        x5c: [anyString],
        issuer: `${entraUrl}/{tenantid}/v2.0`,
      },
    ]);
  });

  it('rejects an unknown tenant domain', async () => {
    const answer = await getJson('/nowhere.example/v2.0/.well-known/openid-configuration');
    expect(answer).toMatchObject({ error: 'invalid_request', error_codes: [90002] });
  });
});

describe('client credentials', () => {
  it('give an app-only token that verifies with the published keys', async () => {
    const { clientId, clientSecret, objectId, roles } = SAMPLE_APPS['crm-service'];
    const { entraUrl, tenantId } = running();
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret ?? '', {
      authorityHost: entraUrl,
      disableInstanceDiscovery: true,
    });
    const { token } = await credential.getToken(`${api}/.default`);
    const keys = createRemoteJWKSet(new URL(`${entraUrl}/${tenantId}/discovery/v2.0/keys`));
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer: `${entraUrl}/${tenantId}/v2.0`,
      audience: running().apiAudience,
    });
    expect(protectedHeader).toEqual({ typ: 'JWT', alg: 'RS256', kid: anyString });
    expect(payload).toMatchObject({
      ver: '2.0',
      azp: clientId,
      azpacr: '1',
      oid: objectId,
      sub: objectId,
      roles,
      tid: tenantId,
      uti: anyString,
    });
    expect(payload).not.toHaveProperty('scp');
    expect(payload).not.toHaveProperty('idtyp');
  });

  it.each([
    ['a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client', 7000215],
    ['no secret', { client_secret: undefined }, 401, 'invalid_client', 7000218],
    ['an unknown client', { client_id: 'x' }, 400, 'unauthorized_client', 700016],
    ['no client', { client_id: undefined }, 400, 'invalid_request', 900144],
    ['a single scope', { scope: `${api}/AuditLog.Read.All` }, 400, 'invalid_scope', 1002012],
    ['an unknown API', { scope: 'api://other/.default' }, 400, 'invalid_resource', 500011],
    ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type', 70003],
  ])('are rejected with %s as in Entra', async (_what, change, status, error, number) => {
    const { clientId, clientSecret } = SAMPLE_APPS['crm-service'];
    const form: Record<string, string | undefined> = {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: `${api}/.default`,
      ...change,
    };
    const given = Object.entries(form).filter((field): field is [string, string] => {
      return field[1] !== undefined;
    });
    const response = await postForm(
      `${running().entraUrl}/${running().tenantId}/oauth2/v2.0/token`,
      Object.fromEntries(given),
    );
    expect(response.status).toBe(status);
    const answer = (await response.json()) as Json;
    expect(answer).toMatchObject({
      error,
      error_codes: [number],
      trace_id: anyString,
      correlation_id: anyString,
    });
    expect(answer.error_description).toMatch(new RegExp(`^AADSTS${number}: .* Trace ID: `));
  });

  it('work at the v1.0 endpoint with a resource parameter', async () => {
    const { clientId, clientSecret } = SAMPLE_APPS['identity-service'];
    const response = await postForm(`${running().entraUrl}/${running().tenantId}/oauth2/token`, {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret ?? '',
      resource: 'https://vault.azure.net',
    });
    const answer = (await response.json()) as Json;
    expect(answer).toMatchObject({ expires_in: '3599', resource: 'https://vault.azure.net' });
    expect(claimsOf(String(answer.access_token))).toMatchObject({
      ver: '1.0',
      aud: 'https://vault.azure.net',
      iss: `https://sts.windows.net/${running().tenantId}/`,
      appid: clientId,
      appidacr: '1',
    });
  });
});

describe('on-behalf-of', () => {
  it('gives the API a token of the same person for another resource', async () => {
    const { clientId, clientSecret } = SAMPLE_APPS['communication-identity-api'];
    const options = {
      tenantId: running().tenantId,
      clientId,
      clientSecret: clientSecret ?? '',
      userAssertionToken: await running().control.mintToken({ person: 'bob' }),
      authorityHost: running().entraUrl,
      disableInstanceDiscovery: true,
    };
    const credential = new OnBehalfOfCredential(options);
    const { token } = await credential.getToken(
      'https://auth.msft.communication.azure.com/Teams.ManageCalls',
    );
    expect(claimsOf(token)).toMatchObject({
      aud: 'https://auth.msft.communication.azure.com',
      appid: clientId,
      oid: SAMPLE_PEOPLE.bob.objectId,
      scp: 'Teams.ManageCalls Teams.ManageChats TeamsExtension.ManageCalls',
    });
  });

  it('rejects an app-only assertion', async () => {
    const { clientId, clientSecret } = SAMPLE_APPS['communication-identity-api'];
    const response = await postForm(
      `${running().entraUrl}/${running().tenantId}/oauth2/v2.0/token`,
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        requested_token_use: 'on_behalf_of',
        client_id: clientId,
        client_secret: clientSecret ?? '',
        assertion: await running().control.mintToken({ app: 'crm-service' }),
        scope: 'https://graph.microsoft.com/User.Read',
      },
    );
    expect(await response.json()).toMatchObject({ error_codes: [7000114] });
  });
});

describe('the tokens of the sample people', () => {
  it('have every permission of the API, as scope and as role where it ends in .All', async () => {
    const { control } = running();
    const names = Object.keys(SAMPLE_PEOPLE) as PersonName[]; // its own keys
    const tokens = await Promise.all(names.map(async (person) => control.mintToken({ person })));
    const claims = tokens.map(claimsOf);
    for (const permission of SAMPLE_RESOURCES.api.delegatedScopes) {
      const holders = claims.filter(({ scp }) => String(scp).split(' ').includes(permission));
      expect(holders, permission).not.toEqual([]);
      if (!permission.endsWith('.All')) continue;
      for (const { roles } of holders) expect(roles, permission).toContain(permission);
    }
  });

  it('mark guests', async () => {
    const carol = claimsOf(await running().control.mintToken({ person: 'carol' }));
    expect(carol).toMatchObject({
      acct: 1,
      idp: `https://sts.windows.net/${SAMPLE_TENANTS.third.id}/`,
    });
    const alice = claimsOf(await running().control.mintToken());
    expect(alice).not.toHaveProperty('idp');
    expect(alice).toHaveProperty('acct', 0);
  });

  it('have the format of v1.0 on request', async () => {
    const token = await running().control.mintToken({ person: 'alice', version: '1.0' });
    expect(headerOf(token)).toMatchObject({ typ: 'JWT', x5t: headerOf(token).kid });
    expect(claimsOf(token)).toMatchObject({
      ver: '1.0',
      aud: api,
      iss: `https://sts.windows.net/${running().tenantId}/`,
      appid: webApp,
      appidacr: '0',
    });
    expect(claimsOf(token)).not.toHaveProperty('azp');
  });
});
