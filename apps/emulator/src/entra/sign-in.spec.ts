import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { SAMPLE_APPS, SAMPLE_PEOPLE, SAMPLE_RESOURCES, SAMPLE_TENANTS } from '../index.js';
import { claimsOf, postForm, useEmulator } from '../testing.js';

const running = useEmulator();
const api = SAMPLE_RESOURCES.api.identifiers[0];
const webApp = SAMPLE_APPS['sample-web-app'].clientId;
const redirectUri = 'http://localhost:5173/callback';

type Json = Record<string, unknown>;
type Headers = Record<string, string>;

/** Signs in through the account picker, up to the redirect back. */
async function signIn(
  who: string,
  given: Partial<
    Record<'scope' | 'tenant' | 'verifier' | 'clientId' | 'entraUrl' | 'claims', string>
  > = {},
): Promise<URL> {
  const { scope = `openid offline_access ${api}/.default`, tenant = running().tenantId } = given;
  const { entraUrl = running().entraUrl } = given;
  const verifier = given.verifier ?? 'v'.repeat(43);
  const query = new URLSearchParams({
    client_id: given.clientId ?? webApp,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope,
    state: 'state-1',
    nonce: 'nonce-1',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(given.claims !== undefined && { claims: given.claims }),
  });
  const page = await fetch(`${entraUrl}/${tenant}/oauth2/v2.0/authorize?${query.toString()}`);
  const html = await page.text();
  expect(html).toContain(`value="${who}"`);
  const action = /action="([^"]+)"/.exec(html)?.[1] ?? '';
  const request = /name="request" value="([^"]+)"/.exec(html)?.[1] ?? '';
  const answer = await postForm(`${entraUrl}${action}`, {
    request: request.replaceAll('&#38;', '&'),
    person: who,
  });
  expect(answer.status).toBe(302);
  return new URL(answer.headers.get('location') ?? '');
}

const inBrowser = { origin: new URL(redirectUri).origin };

async function redeem(
  code: string,
  verifier = 'v'.repeat(43),
  given: { headers?: Headers; clientId?: string; url?: string | undefined } = {},
): Promise<Response> {
  const { headers = inBrowser, clientId = webApp, url = tokenUrl() } = given;
  const form = {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code,
    code_verifier: verifier,
  };
  return postForm(url, form, headers);
}

async function refresh(
  token: string,
  headers: Headers,
  clientId = webApp,
  more: Record<string, string> = {},
): Promise<Response> {
  const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: token, ...more };
  return postForm(tokenUrl(), form, headers);
}

function tokenUrl(): string {
  return `${running().entraUrl}/${running().tenantId}/oauth2/v2.0/token`;
}

describe('the authorization code flow', () => {
  it('gives the same claims as a token that the control API mints for the same person', async () => {
    const verifier = randomBytes(32).toString('base64url');
    const back = await signIn('ada', { verifier });
    expect(back.searchParams.get('state')).toBe('state-1');
    const response = await redeem(back.searchParams.get('code') ?? '', verifier);
    const answer = (await response.json()) as Record<string, string>;

    const names = [...SAMPLE_PEOPLE.ada.scopes, '.default'];
    expect(answer.scope).toBe(names.map((name) => `${api}/${name}`).join(' '));

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

    const refreshed = await refresh(answer.refresh_token ?? '', inBrowser);
    const again = claimsOf(((await refreshed.json()) as Record<string, string>).access_token ?? '');
    expect(again).toMatchObject({ oid: claims.oid, scp: claims.scp });
    expect(again.uti).not.toBe(claims.uti);
  });

  it('meets the authentication context that a sign-in requests, which a refresh can not', async () => {
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    const tokensOf = async (response: Response) =>
      (await response.json()) as Record<string, string>;
    const codeOf = async (given: object) =>
      (await signIn('alice', given)).searchParams.get('code') ?? '';
    const before = await tokensOf(await redeem(await codeOf({})));
    expect(claimsOf(before.access_token ?? '')).not.toHaveProperty('acrs');
    const refused = await refresh(before.refresh_token ?? '', inBrowser, webApp, { claims });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: 'interaction_required' });

    const after = await tokensOf(await redeem(await codeOf({ claims })));
    expect(claimsOf(after.access_token ?? '')).toMatchObject({ acrs: ['c1'] });
    const again = await refresh(after.refresh_token ?? '', inBrowser, webApp, { claims });
    expect(claimsOf((await tokensOf(again)).access_token ?? '')).toMatchObject({ acrs: ['c1'] });
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

  it('works over plain HTTP on loopback too, with the same issuer', async () => {
    const { entraHttpUrl, entraUrl, tenantId } = running();
    expect(entraHttpUrl).toMatch(/^http:\/\/127\.0\.0\.1:/);
    const back = await signIn('alice', { entraUrl: entraHttpUrl });
    const issuer = `${entraUrl}/${tenantId}/v2.0`;
    const metadata = await fetch(
      `${entraHttpUrl}/${tenantId}/v2.0/.well-known/openid-configuration`,
    );
    const { token_endpoint: url, ...rest } = (await metadata.json()) as Record<string, string>;
    expect(rest).toMatchObject({
      issuer,
      authorization_endpoint: `${entraHttpUrl}/${tenantId}/oauth2/v2.0/authorize`,
      end_session_endpoint: `${entraHttpUrl}/${tenantId}/oauth2/v2.0/logout`,
    });
    const redeemed = await redeem(back.searchParams.get('code') ?? '', undefined, { url });
    const { access_token } = (await redeemed.json()) as Record<string, string>;
    expect(claimsOf(access_token ?? '')).toMatchObject({ iss: issuer });
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

describe('the token endpoint and browsers', () => {
  const desktopApp = SAMPLE_APPS['sample-desktop-app'].clientId;

  async function codeOf(clientId = webApp): Promise<string> {
    return (await signIn('alice', { clientId })).searchParams.get('code') ?? '';
  }

  async function tokensOf(response: Response): Promise<Record<string, string>> {
    expect(response.status).toBe(200);
    return (await response.json()) as Record<string, string>;
  }

  it('shows its responses to the origins of single-page applications, errors as well', async () => {
    const answers = [await redeem(await codeOf()), await redeem('no-code')];
    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe(inBrowser.origin);
      expect(headers.get('vary')).toBe('Origin');
    }
  });

  it.each([
    'https://evil.example',
    'http://localhost.evil.example:5173',
    'https://localhost',
    'null',
  ])('shows and redeems nothing to another origin: %s', async (origin) => {
    const response = await redeem(await codeOf(), undefined, { headers: { origin } });
    expect(response.headers.has('access-control-allow-origin')).toBe(false);
    expect(await response.json()).toMatchObject({
      error: 'invalid_request',
      error_codes: [9002326],
    });
    const preflight = await fetch(tokenUrl(), { method: 'OPTIONS', headers: { origin } });
    expect(preflight.headers.has('access-control-allow-origin')).toBe(false);
  });

  it('answers the preflight of a single-page application', async () => {
    const response = await fetch(tokenUrl(), {
      method: 'OPTIONS',
      headers: { ...inBrowser, 'access-control-request-headers': 'x-client-sku' },
    });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': inBrowser.origin,
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-allow-headers': 'x-client-sku',
    });
  });

  it('redeems codes and refresh tokens of single-page applications in browsers only', async () => {
    const outside = await redeem(await codeOf(), undefined, { headers: {} });
    expect(await outside.json()).toMatchObject({ error_codes: [9002327] });
    const { refresh_token = '' } = await tokensOf(await redeem(await codeOf()));
    const refreshed = await refresh(refresh_token, {});
    expect(await refreshed.json()).toMatchObject({ error_codes: [9002327] });
  });

  it('redeems codes and refresh tokens of other applications outside browsers only', async () => {
    const given = { clientId: desktopApp };
    const inside = await redeem(await codeOf(desktopApp), undefined, given);
    expect(inside.headers.has('access-control-allow-origin')).toBe(false);
    expect(await inside.json()).toMatchObject({ error_codes: [9002326] });
    const outside = await redeem(await codeOf(desktopApp), undefined, { ...given, headers: {} });
    const { refresh_token = '' } = await tokensOf(outside);
    expect((await refresh(refresh_token, {}, desktopApp)).status).toBe(200);
    const refreshed = await refresh(refresh_token, inBrowser, desktopApp);
    expect(await refreshed.json()).toMatchObject({ error_codes: [9002326] });
  });

  it('gives no token for a secret that a page sends', async () => {
    const { clientId, clientSecret = '' } = SAMPLE_APPS['crm-service'];
    const form = {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: `${api}/.default`,
    };
    const response = await postForm(tokenUrl(), form, inBrowser);
    expect(await response.json()).toMatchObject({ error_codes: [9002326] });
    expect(response.headers.has('access-control-allow-origin')).toBe(false);
  });

  it('refreshes a single-page application for 24 hours after the sign-in, however often', async () => {
    const signedInAt = Date.now();
    const { refresh_token: first = '' } = await tokensOf(await redeem(await codeOf()));
    const clock = vi.spyOn(Date, 'now');
    try {
      clock.mockReturnValue(signedInAt + 23 * 3_600_000);
      const { refresh_token: second = '' } = await tokensOf(await refresh(first, inBrowser));
      clock.mockReturnValue(signedInAt + 25 * 3_600_000);
      const late = await refresh(second, inBrowser);
      expect(await late.json()).toMatchObject({ error: 'invalid_grant', error_codes: [700084] });
    } finally {
      clock.mockRestore();
    }
  });
});

describe('the end session endpoint', () => {
  async function signOut(parameters: Record<string, string>): Promise<Response> {
    const metadata = await fetch(
      `${running().entraUrl}/${running().tenantId}/v2.0/.well-known/openid-configuration`,
    );
    const { end_session_endpoint } = (await metadata.json()) as Record<string, string>;
    const query = new URLSearchParams(parameters).toString();
    return fetch(`${end_session_endpoint ?? ''}?${query}`, { redirect: 'manual' });
  }

  it('sends the browser back to a registered URI, with the state', async () => {
    const response = await signOut({ post_logout_redirect_uri: redirectUri, state: 'state-2' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe(`${redirectUri}?state=state-2`);
  });

  it.each([
    {},
    { post_logout_redirect_uri: 'https://evil.example/' },
    { post_logout_redirect_uri: redirectUri, client_id: SAMPLE_APPS['crm-service'].clientId },
  ])('shows a page in place of a redirect to %j', async (parameters) => {
    const response = await signOut(parameters);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('You signed out');
  });

  it('refuses an unknown client', async () => {
    expect((await signOut({ client_id: 'nobody' })).status).toBe(400);
  });
});
