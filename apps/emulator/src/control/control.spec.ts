import { createPublicKey, verify } from 'node:crypto';
import { CommunicationIdentityClient } from '@azure/communication-identity';
import { describe, expect, it } from 'vitest';
import { SAMPLE_RESOURCES, SAMPLE_TENANTS } from '../index.js';
import { claimsOf, headerOf, stringMatching, useEmulator } from '../testing.js';

const running = useEmulator();

interface Jwks {
  readonly keys: readonly { readonly kid: string; readonly n: string; readonly e: string }[];
}

async function publishedKeys(): Promise<Jwks['keys']> {
  const { entraUrl, tenantId } = running();
  const response = await fetch(`${entraUrl}/${tenantId}/discovery/v2.0/keys`);
  return ((await response.json()) as Jwks).keys;
}

function verifiesWith(token: string, keys: Jwks['keys']): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const jwk = keys.find(({ kid }) => kid === headerOf(token).kid);
  if (jwk === undefined) return false;
  const key = createPublicKey({ key: { kty: 'RSA', n: jwk.n, e: jwk.e }, format: 'jwk' });
  const input = Buffer.from(`${header}.${payload}`);
  return verify('sha256', input, key, Buffer.from(signature, 'base64url'));
}

describe('a minted token', () => {
  it('has overridden and removed header parameters and claims', async () => {
    const token = await running().control.mintToken({
      person: 'bob',
      tenant: SAMPLE_TENANTS.third.id,
      header: { typ: 'at+jwt', jku: 'https://evil.example/keys', kid: null },
      claims: { scp: null, aud: ['a', 'b'], extra: { deep: true } },
      expiresInSeconds: -10,
    });
    expect(headerOf(token)).toEqual({
      typ: 'at+jwt',
      alg: 'RS256',
      jku: 'https://evil.example/keys',
    });
    const claims = claimsOf(token);
    expect(claims).toMatchObject({
      tid: SAMPLE_TENANTS.third.id,
      iss: `${running().entraUrl}/${SAMPLE_TENANTS.third.id}/v2.0`,
      aud: ['a', 'b'],
      extra: { deep: true },
    });
    expect(claims).not.toHaveProperty('scp');
    expect(claims.exp).toBeLessThan(Date.now() / 1000);
  });

  it('signs a payload that is not valid JSON', async () => {
    const rawClaims = '{"aud":"a","aud":"b"';
    const token = await running().control.mintToken({ rawClaims });
    const [, payload = ''] = token.split('.');
    expect(Buffer.from(payload, 'base64url').toString()).toBe(rawClaims);
    expect(verifiesWith(token, await publishedKeys())).toBe(true);
  });

  it.each([
    ['current', true],
    ['oldest', true],
    ['unknown', false],
    ['impostor', false],
    ['none', false],
    ['public-key-as-secret', false],
  ] as const)('signed with %s verifies with the published keys: %s', async (sign, isValid) => {
    const token = await running().control.mintToken({ sign });
    expect(verifiesWith(token, await publishedKeys())).toBe(isValid);
  });
});

describe('key rotation', () => {
  it('leaves old tokens valid until the old keys are retired', async () => {
    const { control } = running();
    const old = await control.mintToken();
    const kid = await control.rotateKeys();
    const renewed = await control.mintToken();
    expect(headerOf(renewed).kid).toBe(kid);
    expect(headerOf(old).kid).not.toBe(kid);
    const both = await publishedKeys();
    expect(verifiesWith(old, both)).toBe(true);
    expect(verifiesWith(renewed, both)).toBe(true);

    await control.rotateKeys({ retireOld: true });
    const after = await publishedKeys();
    expect(after).toHaveLength(1);
    expect(verifiesWith(renewed, after)).toBe(false);
  });
});

describe('the journal', () => {
  it('has caller, operation and status of a request, without a token or a secret', async () => {
    const { control, acsResources, acsAccessKey } = running();
    const acs = new CommunicationIdentityClient(acsResources[0]?.connectionString ?? '');
    const { token } = await acs.createUserAndToken(['chat']);
    const [entry] = await control.readJournal({ service: 'acs', operation: 'create' });
    expect(entry).toMatchObject({
      method: 'POST',
      path: '/identities',
      status: 201,
      caller: 'key:primary',
    });
    const all = JSON.stringify(await control.readJournal());
    expect(all).not.toContain(token);
    expect(all).not.toContain(acsAccessKey);
    expect(await control.readJournal({ since: entry?.sequence ?? 0, service: 'acs' })).toEqual([]);
    expect(await control.readJournal({ since: '2020-01-01T00:00:00Z' })).not.toEqual([]);
  });
});

describe('the control API', () => {
  const send = async (
    method: string,
    path: string,
    body: string,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(`${running().controlUrl}${path}`, {
      method,
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });

  it.each([
    ['POST', '/control/tokens', '{"person":"nobody"}'],
    ['POST', '/control/tokens', '{"person":"alice","app":"crm-service"}'],
    ['POST', '/control/tokens', '{"persn":"alice"}'],
    ['POST', '/control/faults', '{"service":"acs","operation":"create","kind":"explode"}'],
    ['POST', '/control/faults', '{"service":"acs","operation":"create","kind":"reset","x":1}'],
    ['POST', '/control/keys/rotate', '[]'],
    ['PUT', '/control/acs', '{"limits":"on"}'],
    ['POST', '/control/reset', '{broken'],
  ])('responds 400 with a reason: %s %s %s', async (method, path, body) => {
    const response = await send(method, path, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: 'BadRequest', message: stringMatching(/\w/) },
    });
  });

  it('rejects requests from web pages', async () => {
    const fromPage = { origin: 'https://evil.example' };
    expect((await send('POST', '/control/reset', '', fromPage)).status).toBe(400);
    const asText = { 'content-type': 'text/plain' };
    expect((await send('POST', '/control/tokens', '{}', asText)).status).toBe(400);
  });

  it('mints tokens for the API unless another resource is requested', async () => {
    const { control, apiAudience } = running();
    expect(claimsOf(await control.mintToken()).aud).toBe(apiAudience);
    const forAcs = await control.mintToken({ app: 'identity-service', resource: 'communication' });
    expect(claimsOf(forAcs).aud).toBe(SAMPLE_RESOURCES.communication.identifiers[0]);
  });
});
