import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { settingsFrom } from '../testing/settings.js';
import {
  ALICE,
  AUDIENCE,
  CLIENT_APP,
  type JsonObject,
  publicJwk,
  TENANT,
  TestIssuer,
  testKey,
} from '../testing/test-issuer.js';
import { parseJwt } from '../jwt/parse-jwt.js';
import type { TokenVerifier } from '../jwt/token-verifier.js';
import { MemoryMetadataSource } from '../testing/memory-metadata-source.js';
import { createTokenVerifiers } from '../create-token-verifiers.js';

/** Of a user or a client. */
const ID = 'abcdef01-abcd-4abc-8abc-abcdefabcdef';
const ISSUER = 'https://id.example.test/realms/customers';
const key = testKey('k1');
let clock: ManualClock;
let source: MemoryMetadataSource;

beforeEach(() => {
  clock = new ManualClock();
  source = new MemoryMetadataSource();
  const document = { issuer: ISSUER, jwks_uri: 'https://id.example.test/keys' };
  source.documents.set(`${ISSUER}/.well-known/openid-configuration`, document);
  publishKeys(publicJwk(key));
});

function publishKeys(...keys: readonly JsonObject[]): void {
  source.documents.set('https://id.example.test/keys', { keys });
}

const shop = {
  issuer: ISSUER,
  audiences: ['acs-identity'],
  tenant: 'customers',
  permissions: { claims: ['scope'], names: { 'tokens:issue': 'CommunicationToken.Issue' } },
  serviceWhen: { claim: 'gty', equals: 'client-credentials' },
  guestWhen: { claim: 'is_guest', equals: true },
};

function token(changes: JsonObject = {}, header: JsonObject = {}): string {
  const nowSeconds = Math.floor(clock.now() / 1000);
  const claims = {
    iss: ISSUER,
    aud: 'acs-identity',
    sub: 'customer-7',
    azp: 'shop-app',
    jti: 'j1',
    iat: nowSeconds,
    exp: nowSeconds + 600,
    scope: 'openid tokens:issue',
    ...changes,
  };
  const issuer = new TestIssuer(() => clock.now(), { key });
  // Removes every claim of an Entra token.
  const none = Object.fromEntries(Object.keys(issuer.claims()).map((name) => [name, undefined]));
  return issuer.token({ ...none, ...claims }, header);
}

function verifierOf(changes: JsonObject = {}): TokenVerifier {
  const settings = settingsFrom({ TRUSTED_ISSUERS: JSON.stringify([{ ...shop, ...changes }]) });
  const verifiers = createTokenVerifiers(settings, { source, clock, logger: new MemoryLogger() });
  const verifier = verifiers.find(({ issuers }) => issuers.includes(ISSUER));
  if (verifier === undefined) throw new Error('no verifier for the provider');
  return verifier;
}

async function verify(text: string, changes: JsonObject = {}): Promise<Principal> {
  return verifierOf(changes).verify(parseJwt(text));
}

describe('OpenIdTokenVerifier', () => {
  it('gives one person one name, whatever the case of the GUIDs in claims and settings', async () => {
    const GUID = 'ABCDEF01-ABCD-4ABC-8ABC-ABCDEFABCDEF';
    const forms = [GUID, GUID.toLowerCase()];
    const principals: Principal[] = [];
    for (const claimed of forms) {
      for (const configured of forms) {
        const claims = { sub: claimed, azp: claimed, aud: claimed, org: claimed, gty: claimed };
        const settings = {
          ...{ audiences: [configured], clientApps: [configured], botClientApps: [configured] },
          tenant: { claim: 'org', allowed: [configured] },
          serviceWhen: { claim: 'gty', equals: configured },
        };
        principals.push(await verify(token(claims), settings));
      }
    }
    const guid = GUID.toLowerCase();
    const expected = { kind: 'bot', tenant: guid, subject: guid, clientApp: guid };
    expect(principals).toMatchObject([expected, expected, expected, expected]);
  });

  it('maps the claims of a provider to a principal', async () => {
    expect(await verify(token())).toEqual({
      kind: 'user',
      issuer: ISSUER,
      tenant: 'customers',
      subject: 'customer-7',
      clientApp: 'shop-app',
      tokenId: 'j1',
      permissions: ['CommunicationToken.Issue'],
      isGuest: undefined,
    });
  });

  it.each(['می\u200cشود', '👩\u200d💻', 'auth0|507f', 'María José', '😀'.repeat(128)])(
    'accepts the subject %j, which requests and commands can name',
    async (sub) => {
      expect((await verify(token({ sub }))).subject).toBe(sub);
    },
  );

  it.each([' u1', 'u1 ', 'u\u200d1', '\u202eu1', 'u\u00a01', '\ue000', `{${ID}}`])(
    'rejects the subject %j, which reads like that of somebody else, and says so without it',
    async (sub) => {
      const rejection = verify(token({ sub })).catch((error: unknown) => error);
      expect(await rejection).toMatchObject({
        ...{ reason: 'name-not-allowed', detail: 'sub' },
        mismatch: { expected: expect.stringMatching(/^sub must (not|be)/) as string },
      });
    },
  );

  it('distinguishes services, bots and guests as configured', async () => {
    const service = token({ gty: 'client-credentials' });
    expect((await verify(service)).kind).toBe('service');
    expect((await verify(service, { botClientApps: ['shop-app'] })).kind).toBe('bot');
    expect((await verify(token({ is_guest: true }))).isGuest).toBe(true);
  });

  it.each<[string, JsonObject, JsonObject]>([
    ['idtyp', { idtyp: 'app' }, {}],
    ['gty, as Auth0', { gty: 'client-credentials' }, {}],
    ['gty, as FusionAuth', { gty: 'client_credentials' }, {}],
    ['sub equal to client_id, as RFC 9068', { sub: 'crm', client_id: 'crm' }, {}],
    ['sub equal to azp', { sub: 'shop-app' }, {}],
    ['sub equal to cid, as Okta', { sub: 'crm', cid: 'crm' }, {}],
    ['sub made of the client, as Auth0', { sub: 'shop-app@clients' }, {}],
    ['sub that is the client in capitals', { sub: ID.toUpperCase(), azp: ID }, {}],
    ['azp that is the sub in capitals', { sub: ID, azp: ID.toUpperCase() }, {}],
    ['sub made of the client in capitals', { sub: `${ID.toUpperCase()}@clients`, azp: ID }, {}],
    ['a list in idtyp', { idtyp: ['app'] }, {}],
    ['idtyp in another case', { idtyp: 'App' }, {}],
    ['a list in gty', { gty: ['authorization_code', 'client_credentials'] }, {}],
    ['names in gty', { gty: 'client_credentials refresh_token' }, {}],
    [
      'the configured claim as a list in another case',
      { grant: ['x', 'Own'] },
      { serviceWhen: { claim: 'grant', equals: 'own' } },
    ],
    ['a subject claim that is the client', { employee: 'shop-app' }, { subjectClaim: 'employee' }],
    ['the configured claim', { grant: 'own' }, { serviceWhen: { claim: 'grant', equals: 'own' } }],
  ])('takes no token of an application for one of a user: %s', async (_case, claims, changes) => {
    const kind = (await verify(token(claims), { serviceWhen: undefined, ...changes })).kind;
    expect(kind).toBe('service');
  });

  it.each<[string, JsonObject, JsonObject?]>([
    ['has no client application', { azp: undefined }],
    ['has the user name of a client, as Keycloak', { preferred_username: 'service-account-crm' }],
    ['has another type of gty', { gty: { grant: 'client_credentials' } }],
    ['has a list of other types in gty', { gty: [['client_credentials']] }],
    ['has another type of idtyp', { idtyp: true }],
    [
      'has another type of the configured claim',
      { is_app: 'true' },
      { serviceWhen: { claim: 'is_app', equals: true } },
    ],
  ])('refuses a token that %s: it may be of an application', async (_case, claims, changes) => {
    const verifying = verify(token(claims), { serviceWhen: undefined, ...changes });
    await expect(verifying).rejects.toMatchObject({ reason: 'claims-malformed' });
  });

  it('sets isGuest only where the token and the settings say it', async () => {
    const guest = async (claims: JsonObject, changes: JsonObject = {}): Promise<unknown> =>
      (await verify(token(claims), changes)).isGuest;
    expect(await guest({ is_guest: false })).toBe(false);
    expect(await guest({})).toBeUndefined();
    expect(await guest({ is_guest: false }, { guestWhen: undefined })).toBeUndefined();
    expect(await guest({ gty: 'client-credentials' })).toBe(false);
  });

  it.each<[unknown, unknown, boolean | undefined]>([
    [true, true, true],
    [true, false, false],
    [true, [true], true],
    [true, [false, true], true],
    [true, [false], undefined],
    [true, 'true', undefined],
    [true, 'false', undefined],
    [true, 1, undefined],
    [true, null, undefined],
    [true, [], undefined],
    ['guest', 'Guest', true],
    ['guest', ['staff', 'GUEST'], true],
    ['guest', 'member', false],
    ['guest', ['staff'], false],
    ['guest', true, undefined],
    ['guest', ['staff', null], undefined],
    [1, 1, true],
    [1, 0, false],
    [1, '1', undefined],
  ])('with %j for guests, takes %j for %s', async (equals, claimed, isGuest) => {
    const guestWhen = { claim: 'guest', equals };
    expect((await verify(token({ guest: claimed }), { guestWhen })).isGuest).toBe(isGuest);
  });

  const idToken = { scope: undefined, roles: ['tokens:issue'] };
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    ['nothing that proves it', idToken, {}, {}],
    ['a nonce', { ...idToken, nonce: 'n' }, {}, { accessTokenWhen: 'any' }],
    ['at_hash', { at_hash: 'h' }, { typ: 'at+jwt' }, {}],
    ['c_hash', { c_hash: 'h' }, {}, { accessTokenWhen: 'any' }],
    ['the typ of Keycloak’s ID tokens', { typ: 'ID' }, {}, {}],
    ['the token_use of Cognito’s ID tokens', { token_use: 'id' }, {}, {}],
    [
      'another value of the configured claim',
      { use: 'id' },
      {},
      { accessTokenWhen: { claim: 'use', equals: 'access' } },
    ],
  ])('takes no ID token for an access token: %s', async (_case, claims, header, changes) => {
    await expect(verify(token(claims, header), changes)).rejects.toMatchObject({
      reason: 'not-an-access-token',
    });
  });

  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    ['the header’s type', idToken, { typ: 'at+jwt' }, {}],
    ['Keycloak’s typ', { ...idToken, typ: 'Bearer' }, {}, {}],
    ['Cognito’s token_use', { ...idToken, token_use: 'access' }, {}, {}],
    ['azpacr', { ...idToken, azpacr: '1' }, {}, {}],
    ['the header’s type, with a nonce', { ...idToken, nonce: 'n' }, { typ: 'at+jwt' }, {}],
    [
      'the configured claim',
      { ...idToken, use: 'access' },
      {},
      { accessTokenWhen: { claim: 'use', equals: 'access' } },
    ],
    ['the operator, for every token', idToken, {}, { accessTokenWhen: 'any' }],
  ])('takes %s as a proof of an access token', async (_case, claims, header, changes) => {
    expect((await verify(token(claims, header), changes)).kind).toBe('user');
  });

  it('refuses a token that is bound to a key', async () => {
    const verifying = (async () => verify(token({ cnf: { jkt: 'thumbprint' } })))();
    await expect(verifying).rejects.toMatchObject({ reason: 'sender-constrained' });
  });

  it('asks which claims say what the client may, and which say what the person may', async () => {
    const name = 'AuditLog.Read.All';
    const granted = async (claims: JsonObject, permissions: JsonObject): Promise<unknown> =>
      (await verify(token(claims), { permissions })).permissions;
    expect(await granted({ scope: name, roles: [name] }, {})).toEqual([name]);
    expect(await granted({ scope: name, roles: [] }, {})).toEqual([]);
    expect(await granted({ scope: 'openid', roles: [name] }, {})).toEqual([]);
    expect(await granted({ scope: name, roles: [name] }, { claims: ['scope'] })).toEqual([]);
    const listed = { claims: ['scope', 'groups'], personClaims: ['groups'] };
    expect(await granted({ scope: name, groups: [name] }, listed)).toEqual([name]);
    expect(await granted({ scope: name, roles: [name] }, listed)).toEqual([]);
    const app = { gty: 'client-credentials', scope: 'openid', roles: [name] };
    expect(await granted(app, {})).toEqual([name]);
  });

  it('takes the tenant from a claim only when it is allowed', async () => {
    const changes = { tenant: { claim: 'org', allowed: ['north', 'south'] } };
    expect((await verify(token({ org: 'south' }), changes)).tenant).toBe('south');
    for (const org of ['east', undefined, ['south'], TENANT])
      await expect(verify(token({ org }), changes)).rejects.toMatchObject({
        name: 'TokenRejected',
      });
  });

  it.each<[string, JsonObject, JsonObject]>([
    ['audience', { aud: 'other' }, {}],
    ['audience', { aud: ['x', 'y'] }, {}],
    ['expired', { iat: 1, exp: 2 }, {}],
    ['claims-malformed', { exp: undefined }, {}],
    ['claims-malformed', { sub: undefined }, {}],
    ['claims-malformed', { sub: 7 }, {}],
    ['claims-malformed', { scope: { all: true } }, {}],
    ['not-an-access-token', { ...idToken, nonce: 'n' }, {}],
    ['type-not-allowed', {}, { typ: 'dpop+jwt' }],
    ['type-not-allowed', {}, { typ: undefined }],
    ['algorithm-not-allowed', {}, { alg: 'HS256' }],
    ['algorithm-not-allowed', {}, { alg: 'none' }],
    ['key-unknown', {}, { alg: 'ES256' }],
    ['signature', {}, { alg: 'PS256' }],
    ['key-unknown', {}, { kid: 'k2' }],
  ])('rejects with the reason %s (%#)', async (reason, claims, header) => {
    const rejected = expect(verify(token(claims, header))).rejects.toMatchObject({ reason });
    // An unknown key id causes one more load after the cooldown.
    for (let second = 0; second < 6; second += 1) await clock.advance(1_000);
    await rejected;
  });

  it.each<[string, JsonObject, JsonObject?]>([
    [
      'times with fractions',
      { iat: 1_000_000_000.25, nbf: 1_000_000_000.5, exp: 1_000_000_600.75 },
    ],
    ['more audiences than services', { aud: [...Array(40).keys(), 'acs-identity'].map(String) }],
    ['an audience that is longer than names', { aud: ['acs-identity', 'x'.repeat(300)] }],
    ['no key id, where one key is suitable', {}, { kid: undefined }],
  ])('accepts %s (RFC 7519, RFC 7515)', async (_what, claims, header) => {
    clock.step(1_000_000_300_000 - clock.now());
    expect((await verify(token(claims, header))).subject).toBe('customer-7');
  });

  /** Lets time pass until the token is verified: a load waits for the end of the cooldown. */
  async function afterCooldown<T>(verifying: Promise<T>): Promise<T> {
    const verification = { isPending: true };
    const done = (): void => void (verification.isPending = false);
    verifying.then(done, done);
    while (verification.isPending) {
      await clock.advance(50);
      await setTimeout(1); // for the signature, which other threads verify
    }
    return verifying;
  }

  it('rejects a token without a key id where several keys are suitable', async () => {
    publishKeys(publicJwk(key), publicJwk(testKey('k2')));
    await expect(afterCooldown(verify(token({}, { kid: undefined })))).rejects.toMatchObject({
      reason: 'key-unknown',
    });
  });

  it('accepts a token without a key id where the keys have none', async () => {
    publishKeys(publicJwk(key, { kid: undefined }), publicJwk(testKey('e'), { use: 'enc' }));
    expect((await verify(token({}, { kid: undefined }))).subject).toBe('customer-7');
    await expect(afterCooldown(verify(token()))).rejects.toMatchObject({ reason: 'key-unknown' });
  });

  it('accepts a token without a key id after the only key was replaced', async () => {
    publishKeys(publicJwk(testKey('old')));
    const verifier = verifierOf();
    const text = parseJwt(token({}, { kid: undefined }));
    await expect(afterCooldown(verifier.verify(text))).rejects.toMatchObject({
      reason: 'signature',
    });
    publishKeys(publicJwk(key));
    expect((await afterCooldown(verifier.verify(text))).subject).toBe('customer-7');
  });

  it('rejects a signature of another key', async () => {
    const text = token();
    publishKeys(publicJwk({ ...testKey('x'), keyId: 'k1' }));
    await expect(verify(text)).rejects.toMatchObject({ reason: 'signature' });
  });

  it('verifies Entra tokens by the same rules without passport-azure-ad', async () => {
    const entra = new TestIssuer(() => clock.now(), { authority: 'https://entra.test', key });
    entra.publish(source);
    const listed = {
      profile: 'entra',
      authority: 'https://entra.test',
      tenants: [TENANT],
      audiences: [AUDIENCE],
    };
    const settings = settingsFrom({
      TRUSTED_ISSUERS: JSON.stringify([listed]),
      ENTRA_TENANT_ID: '',
      ENTRA_AUDIENCE: '',
    });
    const [verifier] = createTokenVerifiers(settings, {
      source,
      clock,
      logger: new MemoryLogger(),
    });
    expect(await verifier?.verify(parseJwt(entra.token()))).toMatchObject({
      tenant: TENANT,
      subject: ALICE,
      clientApp: CLIENT_APP,
    });
    const forged = parseJwt(entra.token({}, { kid: 'k1' }, testKey('k1')));
    await expect(verifier?.verify(forged)).rejects.toMatchObject({ reason: 'signature' });
  });
});
