import { createHash, randomBytes } from 'node:crypto';
import { ClientSecretCredential, OnBehalfOfCredential } from '@azure/identity';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { sampleApps, samplePeople, sampleResources, sampleTenants } from '../emulator.js';
import { anyString, claimsOf, headerOf, useEmulator } from '../spec-emulator.js';

const running = useEmulator();
const api = sampleResources.api.identifiers[0];
const webApp = sampleApps['sample-web-app'].clientId;
const redirectUri = 'http://localhost:5173/callback';

type Json = Record<string, unknown>;

async function getJson(path: string): Promise<Json> {
  const response = await fetch(`${running().entraUrl}${path}`);
  return (await response.json()) as Json;
}

async function post(path: string, form: Record<string, string>): Promise<Response> {
  return fetch(`${running().entraUrl}${path}`, {
    method: 'POST',
    body: new URLSearchParams(form),
    redirect: 'manual',
  });
}

/** Goes through the sign-in page as a browser would, up to the redirect back. */
async function signIn(
  who: string,
  given: { scope?: string; tenant?: string; verifier?: string } = {},
): Promise<URL> {
  const { scope = `openid offline_access ${api}/.default`, tenant = running().tenantId } = given;
  const verifier = given.verifier ?? 'v'.repeat(43);
  const query = new URLSearchParams({
    client_id: webApp,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope,
    state: 'state-1',
    nonce: 'nonce-1',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const page = await fetch(
    `${running().entraUrl}/${tenant}/oauth2/v2.0/authorize?${query.toString()}`,
  );
  const html = await page.text();
  expect(html).toContain(`value="${who}"`);
  const action = /action="([^"]+)"/.exec(html)?.[1] ?? '';
  const request = /name="request" value="([^"]+)"/.exec(html)?.[1] ?? '';
  const answer = await post(action, { request: request.replaceAll('&#38;', '&'), person: who });
  expect(answer.status).toBe(302);
  return new URL(answer.headers.get('location') ?? '');
}

async function redeem(code: string, verifier = 'v'.repeat(43)): Promise<Response> {
  return post(`/${running().tenantId}/oauth2/v2.0/token`, {
    grant_type: 'authorization_code',
    client_id: webApp,
    redirect_uri: redirectUri,
    code,
    code_verifier: verifier,
  });
}

describe('discovery', () => {
  it('gives issuer and keys of each version, for a tenant and for all of them', async () => {
    const { entraUrl, tenantId } = running();
    const discovery = '.well-known/openid-configuration';
    const v2 = await getJson(`/${tenantId}/v2.0/${discovery}`);
    expect(v2).toMatchObject({
      issuer: `${entraUrl}/${tenantId}/v2.0`,
      jwks_uri: `${entraUrl}/${tenantId}/discovery/v2.0/keys`,
      token_endpoint: `${entraUrl}/${tenantId}/oauth2/v2.0/token`,
      authorization_endpoint: `${entraUrl}/${tenantId}/oauth2/v2.0/authorize`,
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

  it('does not know a tenant by a strange name', async () => {
    const answer = await getJson('/nowhere.example/v2.0/.well-known/openid-configuration');
    expect(answer).toMatchObject({ error: 'invalid_request', error_codes: [90002] });
  });
});

describe('client credentials', () => {
  it('give an app-only token whose signature the published keys prove', async () => {
    const { clientId, clientSecret, objectId, roles } = sampleApps['crm-service'];
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
  ])('are refused with %s as Entra refuses them', async (_what, change, status, error, number) => {
    const { clientId, clientSecret } = sampleApps['crm-service'];
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
    const response = await post(
      `/${running().tenantId}/oauth2/v2.0/token`,
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

  it('work at the v1.0 endpoint with a resource', async () => {
    const { clientId, clientSecret } = sampleApps['identity-service'];
    const response = await post(`/${running().tenantId}/oauth2/token`, {
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

describe('the authorization code flow', () => {
  it('signs a person in and gives what the control API mints for the same person', async () => {
    const verifier = randomBytes(32).toString('base64url');
    const back = await signIn('ada', { verifier });
    expect(back.searchParams.get('state')).toBe('state-1');
    const response = await redeem(back.searchParams.get('code') ?? '', verifier);
    const answer = (await response.json()) as Record<string, string>;

    const claims = claimsOf(answer.access_token ?? '');
    const minted = claimsOf(await running().control.mintToken({ person: 'ada' }));
    expect(Object.keys(claims)).toEqual(Object.keys(minted));
    const varying = { aio: 0, rh: 0, uti: 0, iat: 0, nbf: 0, exp: 0 };
    expect({ ...claims, ...varying }).toEqual({ ...minted, ...varying });
    expect(claims).toMatchObject({
      azp: webApp,
      azpacr: '0',
      scp: samplePeople.ada.scopes.join(' '),
      roles: samplePeople.ada.roles,
    });
    expect(claimsOf(answer.id_token ?? '')).toMatchObject({ aud: webApp, nonce: 'nonce-1' });

    const refreshed = await post(`/${running().tenantId}/oauth2/v2.0/token`, {
      grant_type: 'refresh_token',
      client_id: webApp,
      refresh_token: answer.refresh_token ?? '',
    });
    const again = claimsOf(((await refreshed.json()) as Record<string, string>).access_token ?? '');
    expect(again).toMatchObject({ oid: claims.oid, scp: claims.scp });
    expect(again.uti).not.toBe(claims.uti);
  });

  it('takes a code once and only with its verifier', async () => {
    const code = (await signIn('alice')).searchParams.get('code') ?? '';
    expect((await redeem(code)).status).toBe(200);
    expect(await (await redeem(code)).json()).toMatchObject({ error: 'invalid_grant' });

    const other = (await signIn('alice')).searchParams.get('code') ?? '';
    expect(await (await redeem(other, 'w'.repeat(43))).json()).toMatchObject({
      error: 'invalid_grant',
      error_codes: [501481],
    });
  });

  it('sends back an error for a permission that nobody consented to', async () => {
    const back = await signIn('mallory', { scope: `${api}/CommunicationToken.Issue` });
    expect(back.searchParams.get('error')).toBe('consent_required');
    expect(back.searchParams.get('error_description')).toMatch(/^AADSTS65001: /);
  });

  it('never sends anyone to an address that is not registered', async () => {
    const query = new URLSearchParams({
      client_id: webApp,
      response_type: 'code',
      redirect_uri: 'https://evil.example/',
      scope: 'openid',
    });
    const response = await fetch(
      `${running().entraUrl}/common/oauth2/v2.0/authorize?${query.toString()}`,
      { redirect: 'manual' },
    );
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('AADSTS50011');
  });

  it('lists the people of the tenant alone', async () => {
    const back = await signIn('olga', { tenant: running().secondTenantId });
    const answer = (await (await redeem(back.searchParams.get('code') ?? '')).json()) as Json;
    expect(claimsOf(String(answer.access_token))).toMatchObject({
      tid: sampleTenants.second.id,
      iss: `${running().entraUrl}/${sampleTenants.second.id}/v2.0`,
    });
  });
});

describe('on-behalf-of', () => {
  it('gives the API a token for the same person at another resource', async () => {
    const { clientId, clientSecret } = sampleApps['communication-identity-api'];
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
      oid: samplePeople.bob.objectId,
      scp: 'Teams.ManageCalls Teams.ManageChats',
    });
  });

  it('refuses an app-only assertion', async () => {
    const { clientId, clientSecret } = sampleApps['communication-identity-api'];
    const response = await post(`/${running().tenantId}/oauth2/v2.0/token`, {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      requested_token_use: 'on_behalf_of',
      client_id: clientId,
      client_secret: clientSecret ?? '',
      assertion: await running().control.mintToken({ app: 'crm-service' }),
      scope: 'https://graph.microsoft.com/User.Read',
    });
    expect(await response.json()).toMatchObject({ error_codes: [7000114] });
  });
});

describe('the tokens of the sample people', () => {
  it('tell guests apart', async () => {
    const carol = claimsOf(await running().control.mintToken({ person: 'carol' }));
    expect(carol).toMatchObject({
      acct: 1,
      idp: `https://sts.windows.net/${sampleTenants.third.id}/`,
    });
    const alice = claimsOf(await running().control.mintToken());
    expect(alice).not.toHaveProperty('idp');
    expect(alice).not.toHaveProperty('acct');
  });

  it('have the shape of v1.0 when asked for', async () => {
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
