import { beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { settingsFrom } from '../testing/settings.js';
import {
  ALICE,
  AUDIENCE,
  CLIENT_APP,
  type JsonObject,
  TENANT,
  TestIssuer,
  testKey,
} from '../testing/test-issuer.js';
import { parseJwt } from '../jwt/parse-jwt.js';
import { MemoryMetadataSource } from '../testing/memory-metadata-source.js';
import type { TokenVerifier } from '../jwt/token-verifier.js';
import { createTokenVerifiers } from '../create-token-verifiers.js';

const OTHER_TENANT = '55555555-5555-4555-8555-555555555555';
const key = testKey('first');
const otherKey = testKey('other');
let clock: ManualClock;
let source: MemoryMetadataSource;
let issuer: TestIssuer;

beforeEach(() => {
  clock = new ManualClock(Date.now());
  source = new MemoryMetadataSource();
  issuer = issuerOf(TENANT);
});

function issuerOf(tenant: string, version: '1.0' | '2.0' = '2.0'): TestIssuer {
  const result = new TestIssuer(() => clock.now(), { tenant, version, key });
  result.publish(source);
  return result;
}

function verifier(environment: Record<string, string> = {}): TokenVerifier {
  const [first] = createTokenVerifiers(settingsFrom(environment), {
    source,
    clock,
    logger: new MemoryLogger(),
  });
  if (first === undefined) throw new Error('no verifier');
  return first;
}

async function verify(token: string, environment: Record<string, string> = {}): Promise<Principal> {
  return verifier(environment).verify(parseJwt(token));
}

describe('EntraTokenVerifier', () => {
  it('maps a delegated token to its user', async () => {
    expect(await verify(issuer.token())).toEqual({
      kind: 'user',
      issuer: `https://login.test/${TENANT}/v2.0`,
      tenant: TENANT,
      subject: ALICE,
      clientApp: CLIENT_APP,
      permissions: ['CommunicationToken.Issue'],
      tokenId: 'token-id',
      isGuest: undefined,
      displayName: 'Alice',
    });
  });

  it.each<[string, string, readonly string[], readonly string[]]>([
    ['the scope alone for oneself', 'CommunicationToken.Issue', [], ['CommunicationToken.Issue']],
    ['nothing for a role without the scope', 'User.Read', ['CommunicationToken.Issue'], []],
    ['nothing for the scope without the role', 'AuditLog.Read.All', [], []],
    ['nothing for the role without the scope', 'User.Read', ['AuditLog.Read.All'], []],
    ['nothing for another role', 'AuditLog.Read.All', ['AuditLog.Erase.All'], []],
    ['both for others', 'AuditLog.Read.All', ['AuditLog.Read.All'], ['AuditLog.Read.All']],
    ['nothing for unknown names', 'Task.Write.All', ['Task.Write.All'], []],
  ])('grants a client that acts for a person %s', async (_case, scp, roles, permissions) => {
    expect((await verify(issuer.token({ scp, roles }))).permissions).toEqual(permissions);
  });

  it.each<[string, JsonObject]>([
    ['idtyp is app', { idtyp: 'app' }],
    ['there is no scope and sub equals oid', { idtyp: undefined }],
  ])('maps a token to a service when %s', async (_case, claims) => {
    const token = issuer.token({
      ...TestIssuer.appOnly(['CommunicationToken.Issue.All']),
      ...claims,
    });
    expect(await verify(token)).toMatchObject({
      kind: 'service',
      subject: ALICE,
      permissions: ['CommunicationToken.Issue.All'],
    });
  });

  it('maps app-only tokens of a configured application to a bot, but not its users’ tokens', async () => {
    const environment = { ENTRA_BOT_CLIENT_APPS: CLIENT_APP };
    const appOnly = issuer.token(TestIssuer.appOnly(['CommunicationToken.Issue']));
    expect((await verify(appOnly, environment)).kind).toBe('bot');
    expect((await verify(issuer.token(), environment)).kind).toBe('user');
  });

  it.each<[string, boolean | undefined, JsonObject]>([
    ['acct is 1', true, { acct: 1 }],
    ['acct is 0, with any idp', false, { acct: 0, idp: 'https://sts.windows.net/x/' }],
    ['idp is another tenant', true, { idp: `https://sts.windows.net/${OTHER_TENANT}/` }],
    ['neither is there', undefined, {}],
    ['idp is the tenant itself', undefined, { idp: `https://sts.windows.net/${TENANT}/` }],
    ['idp is a consumer account', true, { idp: 'live.com' }],
  ])('when %s, sets isGuest to %s', async (_case, isGuest, claims) => {
    expect((await verify(issuer.token(claims))).isGuest).toBe(isGuest);
  });

  it('accepts v1.0 tokens only when they are configured', async () => {
    const old = issuerOf(TENANT, '1.0');
    await expect(verify(old.token())).rejects.toMatchObject({ reason: 'version-not-allowed' });
    expect(await verify(old.token(), { ENTRA_TOKEN_VERSIONS: '1.0,2.0' })).toMatchObject({
      issuer: `https://sts.test/${TENANT}/`,
      clientApp: CLIENT_APP,
    });
  });

  it('accepts tokens of further allowed tenants, each from its own issuer only', async () => {
    const other = issuerOf(OTHER_TENANT);
    const environment = { ENTRA_ALLOWED_TENANT_IDS: OTHER_TENANT };
    await expect(verify(other.token())).rejects.toMatchObject({ reason: 'tenant-not-allowed' });
    expect((await verify(other.token(), environment)).tenant).toBe(OTHER_TENANT);
    await expect(verify(issuer.token({ tid: OTHER_TENANT }), environment)).rejects.toMatchObject({
      reason: 'issuer-not-trusted',
    });
  });

  it('rejects a key that the key set restricts to another issuer', async () => {
    const token = issuer.token();
    issuer.publish(source, { issuer: 'https://login.test/{tenantid}/v2.0' });
    expect((await verify(token)).tenant).toBe(TENANT);
    issuer.publish(source, { issuer: `https://login.test/${OTHER_TENANT}/v2.0` });
    await expect(verify(token)).rejects.toMatchObject({ reason: 'key-of-other-issuer' });
  });

  it('rejects client apps that are not listed or whose authentication is too weak', async () => {
    await expect(
      verify(issuer.token(), { ENTRA_ALLOWED_CLIENT_APPS: ALICE }),
    ).rejects.toMatchObject({ reason: 'client-app-not-allowed' });
    const strict = { ENTRA_MINIMUM_CLIENT_AUTHENTICATION: 'certificate' };
    await expect(verify(issuer.token(), strict)).rejects.toMatchObject({
      reason: 'client-authentication-too-weak',
    });
    expect((await verify(issuer.token({ azpacr: '2' }), strict)).subject).toBe(ALICE);
  });

  const nowSeconds = (): number => Math.floor(clock.now() / 1000);
  it.each<[string, () => JsonObject]>([
    ['audience', () => ({ aud: 'api://other' })],
    ['claims-malformed', () => ({ aud: [AUDIENCE] })],
    ['claims-malformed', () => ({ exp: undefined })],
    ['claims-malformed', () => ({ exp: String(nowSeconds() + 60) })],
    ['claims-malformed', () => ({ nbf: undefined })],
    ['claims-malformed', () => ({ oid: undefined })],
    ['claims-malformed', () => ({ roles: 'AuditLog.Read.All' })],
    ['claims-malformed', () => ({ scp: ['CommunicationToken.Issue'] })],
    ['claims-malformed', () => ({ idtyp: 'app' })],
    [
      'expired',
      () => ({ iat: nowSeconds() - 900, nbf: nowSeconds() - 900, exp: nowSeconds() - 61 }),
    ],
    ['not-yet-valid', () => ({ nbf: nowSeconds() + 61 })],
    ['not-yet-valid', () => ({ iat: nowSeconds() + 61 })],
    ['lifetime-too-long', () => ({ exp: nowSeconds() + 24 * 3600 + 301 })],
    ['not-an-access-token', () => ({ nonce: 'n' })],
    ['not-an-access-token', () => ({ scp: undefined })],
    ['not-an-access-token', () => ({ scp: undefined, roles: ['AuditLog.Read.All'] })],
    ['tenant-not-allowed', () => ({ tid: OTHER_TENANT })],
    ['version-not-allowed', () => ({ ver: '3.0' })],
    ['issuer-not-trusted', () => ({ iss: 'https://login.test/elsewhere/v2.0' })],
  ])('rejects with the reason %s (%#)', async (reason, claims) => {
    await expect(verify(issuer.token(claims()))).rejects.toMatchObject({ reason });
  });

  it.each<[string, JsonObject]>([
    ['key-unknown', { kid: undefined }],
    ['algorithm-not-allowed', { alg: 'RS512' }],
    ['algorithm-not-allowed', { alg: 'rs256' }],
    ['type-not-allowed', { typ: 'at+jwt' }],
    ['type-not-allowed', { typ: undefined }],
  ])('rejects a header with the reason %s (%#)', async (reason, header) => {
    await expect(verify(issuer.token({}, header))).rejects.toMatchObject({ reason });
  });

  it('tolerates the configured clock skew', async () => {
    const token = issuer.token();
    await clock.advance(3_659_000);
    expect((await verify(token)).subject).toBe(ALICE);
    await clock.advance(1_000);
    await expect(verify(token)).rejects.toMatchObject({ reason: 'expired' });
  });

  it('rejects a signature of another key under a known key id, whatever x5t is', async () => {
    const forged = issuer.token({}, { kid: 'first', x5t: 'first' }, otherKey);
    await expect(verify(forged)).rejects.toMatchObject({ reason: 'signature' });
  });

  it('selects the key by kid when x5t names another one', async () => {
    issuer.keys.unshift(otherKey);
    issuer.publish(source);
    expect((await verify(issuer.token({}, { x5t: 'other' }))).subject).toBe(ALICE);
  });
});
