import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SAMPLE_APPS, SAMPLE_PEOPLE, SAMPLE_RESOURCES, SAMPLE_TENANTS } from '../index.js';
import { claimsOf, postForm, useEmulator } from '../testing.js';

const running = useEmulator();
const api = SAMPLE_RESOURCES.api.identifiers[0];
const webApp = SAMPLE_APPS['sample-web-app'].clientId;
const redirectUri = 'http://localhost:5173/callback';

type Json = Record<string, unknown>;

/** Signs in through the account picker, up to the redirect back. */
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
  const answer = await postForm(`${running().entraUrl}${action}`, {
    request: request.replaceAll('&#38;', '&'),
    person: who,
  });
  expect(answer.status).toBe(302);
  return new URL(answer.headers.get('location') ?? '');
}

async function redeem(code: string, verifier = 'v'.repeat(43)): Promise<Response> {
  return postForm(`${running().entraUrl}/${running().tenantId}/oauth2/v2.0/token`, {
    grant_type: 'authorization_code',
    client_id: webApp,
    redirect_uri: redirectUri,
    code,
    code_verifier: verifier,
  });
}

describe('the authorization code flow', () => {
  it('gives the same claims as a token that the control API mints for the same person', async () => {
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
      scp: SAMPLE_PEOPLE.ada.scopes.join(' '),
      roles: SAMPLE_PEOPLE.ada.roles,
    });
    expect(claimsOf(answer.id_token ?? '')).toMatchObject({ aud: webApp, nonce: 'nonce-1' });

    const refreshed = await postForm(
      `${running().entraUrl}/${running().tenantId}/oauth2/v2.0/token`,
      {
        grant_type: 'refresh_token',
        client_id: webApp,
        refresh_token: answer.refresh_token ?? '',
      },
    );
    const again = claimsOf(((await refreshed.json()) as Record<string, string>).access_token ?? '');
    expect(again).toMatchObject({ oid: claims.oid, scp: claims.scp });
    expect(again.uti).not.toBe(claims.uti);
  });

  it('redeems a code once, and only with its verifier', async () => {
    const code = (await signIn('alice')).searchParams.get('code') ?? '';
    expect((await redeem(code)).status).toBe(200);
    expect(await (await redeem(code)).json()).toMatchObject({ error: 'invalid_grant' });

    const other = (await signIn('alice')).searchParams.get('code') ?? '';
    expect(await (await redeem(other, 'w'.repeat(43))).json()).toMatchObject({
      error: 'invalid_grant',
      error_codes: [501481],
    });
  });

  it('redirects back with an error for a permission without consent', async () => {
    const back = await signIn('mallory', { scope: `${api}/CommunicationToken.Issue` });
    expect(back.searchParams.get('error')).toBe('consent_required');
    expect(back.searchParams.get('error_description')).toMatch(/^AADSTS65001: /);
  });

  it('never redirects to an unregistered URI', async () => {
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

  it('lists the people of the tenant only', async () => {
    const back = await signIn('olga', { tenant: running().secondTenantId });
    const answer = (await (await redeem(back.searchParams.get('code') ?? '')).json()) as Json;
    expect(claimsOf(String(answer.access_token))).toMatchObject({
      tid: SAMPLE_TENANTS.second.id,
      iss: `${running().entraUrl}/${SAMPLE_TENANTS.second.id}/v2.0`,
    });
  });
});
