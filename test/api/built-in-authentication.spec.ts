import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../apps/emulator/src/index.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';

const folder = mkdtempSync(join(tmpdir(), 'built-in-authentication-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const service = runningService(() => {
  const path = join(folder, 'providers.json');
  const permissions = { client: ['CommunicationToken.Issue'] };
  const entries = [
    { provider: 'aad', permissions: { client: ['CommunicationToken.Issue', 'AuditLog.Read.All'] } },
    { provider: 'facebook', tenant: 'facebook-people', permissions },
    { provider: 'github', tenant: 'github-people', permissions },
  ];
  writeFileSync(path, JSON.stringify(entries));
  return {
    environment: {
      ...{ AUTHENTICATION_MODE: 'container-apps', AUTHENTICATION_PROVIDERS_FILE: path },
      ...{ CONTAINER_APP_NAME: 'acs-identity', CONTAINER_APP_REVISION: 'acs-identity--1' },
      ENTRA_AUTHORITY: '',
    },
  };
});

type Claims = readonly (readonly [typ: string, val: string])[];

const NAME_IDENTIFIER = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier';
const cookie = { cookie: 'AppServiceAuthSession=c2Vzc2lvbg==' };
const ownPage = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' };
const otherSite = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };

/** What the platform adds to the requests of a person who has signed in. */
function signedIn(provider: string, claims: Claims): Record<string, string> {
  const list = claims.map(([typ, val]) => ({ typ, val }));
  const principal = { auth_typ: provider, claims: list, name_typ: '', role_typ: null };
  return {
    ...cookie,
    'x-ms-client-principal': Buffer.from(JSON.stringify(principal)).toString('base64'),
    'x-ms-client-principal-idp': provider,
  };
}

function ofEntra(oid: string, ...more: Claims): Record<string, string> {
  const { tenantId, apiAudience } = service().emulator;
  return signedIn('aad', [
    ['aud', apiAudience],
    ['iss', `https://login.microsoftonline.com/${tenantId}/v2.0`],
    ['http://schemas.microsoft.com/identity/claims/objectidentifier', oid],
    ['http://schemas.microsoft.com/identity/claims/tenantid', tenantId],
    [NAME_IDENTIFIER, 'pairwise'],
    ...more,
  ]);
}

async function requestToken(headers: Record<string, string>) {
  return call(service().url, 'post', '/v1/me/tokens', { headers });
}

describe('built-in authentication', () => {
  const { objectId: oid } = SAMPLE_PEOPLE.alice;

  it('200: a person who signed in with Facebook gets tokens of one identity', async () => {
    const fay = signedIn('facebook', [[NAME_IDENTIFIER, '10150000000000001']]);
    const first = await requestToken({ ...fay, ...ownPage });
    expect(first).toMatchObject({ status: 200, body: { identity: { kind: 'user' } } });
    const again = await requestToken({ ...fay, 'x-requested-with': 'XMLHttpRequest' });
    expect(again.body).toMatchObject({ identity: (first.body as { identity: object }).identity });
    const read = await call(service().url, 'get', '/v1/me/identity', { headers: fay });
    expect(read).toMatchObject({ status: 200, body: { kind: 'user' } });
  });

  it('200: two people with one id at two providers are two people', async () => {
    const ids = await Promise.all(
      ['facebook', 'github'].map(async (provider) => {
        const person = signedIn(provider, [[NAME_IDENTIFIER, '583231']]);
        const { body } = await requestToken({ ...person, ...ownPage });
        return (body as { identity: { communicationUserId: string } }).identity.communicationUserId;
      }),
    );
    expect(new Set(ids).size).toBe(2);
  });

  it('200: a person who signed in with Entra in the browser, with 200 groups, gets a token', async () => {
    const groups = Array.from({ length: 200 }, () => ['groups', oid] as const);
    const alice = ofEntra(oid, ...groups);
    expect(await requestToken({ ...alice, ...ownPage })).toMatchObject({ status: 200 });
  });

  it('200: an auditor who signed in with Entra in the browser reads the log; others get 403', async () => {
    const path = '/v1/audit/entries?limit=1';
    const auditor = ofEntra(SAMPLE_PEOPLE.grace.objectId, ['roles', 'AuditLog.Read.All']);
    expect(await call(service().url, 'get', path, { headers: auditor })).toMatchObject({
      status: 200,
    });
    expect(await call(service().url, 'get', path, { headers: ofEntra(oid) })).toMatchObject({
      status: 403,
    });
  });

  it('403: a form of another site gets no token with the cookie of a person', async () => {
    const answer = await requestToken({ ...ofEntra(oid), ...otherSite });
    expect(answer).toMatchObject({
      status: 403,
      body: { type: 'urn:acs-identity:problem:cross-site-request' },
    });
  });

  it('401: a session without a principal is refused, counted and explained', async () => {
    expect(await requestToken({ ...cookie, ...ownPage })).toMatchObject({
      status: 401,
      body: { type: 'urn:acs-identity:problem:unauthenticated' },
    });
    const text = await (await fetch(`${service().url}/metrics`)).text();
    expect(text).toContain(
      'authentication_principals_missing_total{credentials="session cookie"} 1',
    );
    expect(text).toContain('authentication_refusals_total{reason="principal-missing"} 1');
    await expect
      .poll(() => service().logLines.filter((line) => line.includes('principal-missing')))
      .toEqual([expect.stringContaining('restart the revision')]);
  });
});
