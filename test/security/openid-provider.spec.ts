import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Response } from 'supertest';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { headerOf } from '../../apps/emulator/src/testing.js';
import { serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';
import { call } from '../support/call.js';
import { AUDIENCE, OpenIdProvider, SIGNING_ALGORITHMS } from '../support/openid-provider.js';
import { runningService } from '../support/running-service.js';
import type { AuditEntry } from '../support/service.js';

const service = runningService({ replicas: 0 });
const directory = mkdtempSync(join(tmpdir(), 'openid-provider-'));
let provider: OpenIdProvider;

beforeAll(async () => {
  const { caFile } = service().emulator;
  provider = await OpenIdProvider.start(
    await serverIdentity(new StateFolder(dirname(caFile)), ['localhost']),
  );
  const file = join(directory, 'issuers.json');
  const trusted = {
    ...{ issuer: provider.issuer, tenant: 'partners' },
    // Those of its ID tokens as well, which must not become access tokens by it.
    ...{ audiences: [AUDIENCE, 'shop'], tokenTypes: ['at+jwt', ''] },
  };
  writeFileSync(file, JSON.stringify([trusted]));
  await service().addApi({ TRUSTED_ISSUERS: file, AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1' });
});

afterAll(async () => {
  await provider.stop();
  rmSync(directory, { recursive: true });
});

async function requestToken(token: string, requestId: string = randomUUID()): Promise<Response> {
  service().scanner.forbid(token);
  const headers = { 'x-request-id': requestId };
  return call(service().url, 'post', '/v1/me/tokens', { token, headers });
}

interface IssuedToken {
  readonly identity: { readonly kind: string; readonly communicationUserId: string };
  readonly auditEntry: { readonly id: string };
}

async function issue(token: string): Promise<IssuedToken> {
  const { status, body } = await requestToken(token);
  expect(status).toBe(200);
  return body as IssuedToken; // checked against the OpenAPI document
}

/** The line of the log about a request that must be refused. */
async function refusalOf(token: string, status = 401): Promise<object> {
  const requestId = randomUUID();
  expect((await requestToken(token, requestId)).status).toBe(status);
  // Lines arrive through a pipe.
  const line = await vi.waitUntil(
    () =>
      service().logLines.find((one) => one.includes(requestId) && one.includes('caller refused')),
    { timeout: 30_000 },
  );
  return JSON.parse(line) as object;
}

async function entryOf({ auditEntry }: IssuedToken): Promise<AuditEntry | undefined> {
  return (await service().auditEntries()).find(({ id }) => id === auditEntry.id);
}

describe('callers of another OpenID provider, oidc-provider', () => {
  it(
    '200: signs a person in by code and PKCE; ES256, PS256 and EdDSA give one identity',
    { timeout: 120_000 },
    async () => {
      const users = new Set<string>();
      for (const form of SIGNING_ALGORITHMS) {
        const { access_token: token } = await provider.signIn('alice', { form });
        expect(headerOf(token)).toMatchObject({ typ: 'at+jwt', alg: form });
        const issued = await issue(token);
        expect(issued.identity.kind).toBe('user');
        expect((await entryOf(issued))?.actor).toMatchObject({
          ...{ kind: 'user', issuer: provider.issuer, tenant: 'partners', subject: 'alice' },
          ...{ clientApp: 'shop', permissions: ['CommunicationToken.Issue'] },
        });
        users.add(issued.identity.communicationUserId);
      }
      expect(users.size).toBe(1);
    },
  );

  it('200: takes access tokens with a nonce, as Azure AD B2C and Keycloak before 25 make them', async () => {
    const { access_token: token } = await provider.signIn('nora');
    const [, payload = ''] = token.split('.');
    expect(Buffer.from(payload, 'base64url').toString()).toContain('"nonce":');
    expect((await issue(token)).identity.kind).toBe('user');
  });

  it('200: takes refreshed tokens for the same identity', async () => {
    const first = await provider.signIn('bob');
    const refreshed = await provider.refresh(first.refresh_token);
    expect(refreshed.access_token).not.toBe(first.access_token);
    const identities = [await issue(first.access_token), await issue(refreshed.access_token)];
    expect(identities[1]?.identity).toEqual(identities[0]?.identity);
  });

  it('200, 403: takes client credentials for a service, never for a person', async () => {
    const { access_token: token } = await provider.clientCredentials('crm');
    const issued = await issue(token);
    expect(issued.identity.kind).toBe('service');
    expect((await entryOf(issued))?.actor).toMatchObject({ kind: 'service', clientApp: 'crm' });
    const body = { teamsUserToken: token };
    const exchange = await call(service().url, 'post', '/v1/me/teams-tokens', { token, body });
    expect(exchange.status).toBe(403);
  });

  it('409: gives a client whose id is the subject of a person no identity of that person', async () => {
    await issue((await provider.signIn('alice')).access_token);
    const { access_token: token } = await provider.clientCredentials('alice');
    const { status, body } = await requestToken(token);
    expect(status).toBe(409);
    expect(body).toMatchObject({ type: 'urn:acs-identity:problem:identity-kind-conflict' });
  });

  it('401: refuses tokens that are bound to a key or a certificate', async () => {
    const dpop = await provider.clientCredentials('crm', {}, { isDpopBound: true });
    expect(dpop.token_type).toBe('DPoP');
    expect(await refusalOf(dpop.access_token)).toMatchObject({
      ...{ level: 'info', reason: 'sender-constrained', actual: 'cnf jkt' },
    });
    const mutualTls = await provider.clientCredentials('bank');
    expect(await refusalOf(mutualTls.access_token)).toMatchObject({
      ...{ reason: 'sender-constrained', actual: 'cnf x5t#S256' },
    });
  });

  it('401: refuses opaque tokens, ID tokens and tokens for another API, and says why', async () => {
    const opaque = await provider.signIn('alice', { form: 'opaque' });
    expect(await refusalOf(opaque.access_token)).toMatchObject({
      ...{ reason: 'malformed-token', expected: 'a signed JWT', actual: 'an opaque token' },
    });
    expect(await refusalOf(opaque.id_token)).toMatchObject({ reason: 'not-an-access-token' });
    const other = await provider.signIn('alice', { form: 'another-api' });
    expect(await refusalOf(other.access_token)).toMatchObject({
      ...{ reason: 'audience', expected: [AUDIENCE, 'shop'], actual: 'https://another.test' },
    });
    const metrics = await fetch(`${service().url}/metrics`);
    expect(await metrics.text()).toMatch(/^authentication_refusals_total\{reason="audience"\} 1$/m);
  });

  it('200, 403: asks for the scope of the client and the role of the person', async () => {
    const path = '/v1/audit/entries?limit=1';
    const scope = 'AuditLog.Read.All';
    const statuses: Record<string, number> = {};
    for (const person of ['alice', 'grace']) {
      const { access_token: token } = await provider.signIn(person, { scope });
      statuses[person] = (await call(service().url, 'get', path, { token })).status;
      const line = { reason: 'insufficient-permission', expected: 'CommunicationToken.Issue' };
      expect(await refusalOf(token, 403)).toMatchObject(line);
    }
    expect(statuses).toEqual({ alice: 403, grace: 200 });
  });

  it('200, 401: follows a rotation of keys at once, and a withdrawal at the next load', async () => {
    const before = await provider.signIn('carol');
    const { identity } = await issue(before.access_token);
    provider.rotateKeys({ withdrawsOld: false });
    const rotated = await provider.signIn('carol');
    expect(headerOf(rotated.access_token).kid).not.toBe(headerOf(before.access_token).kid);
    expect((await issue(rotated.access_token)).identity).toEqual(identity);
    expect((await issue(before.access_token)).identity).toEqual(identity);
    provider.rotateKeys({ withdrawsOld: true });
    const renewed = await provider.signIn('carol');
    expect((await issue(renewed.access_token)).identity).toEqual(identity);
    expect(await refusalOf(before.access_token)).toMatchObject({ reason: 'key-unknown' });
  });
});
