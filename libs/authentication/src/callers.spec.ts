import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Principal } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { createTokenVerifiers } from './create-token-verifiers.js';
import { BearerAuthenticator } from './http/bearer-authenticator.js';
import { MemoryMetadataSource } from './testing/memory-metadata-source.js';
import { settingsFrom } from './testing/settings.js';
import { ALICE, CLIENT_APP, type JsonObject, TENANT } from './testing/test-issuer.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const keys: Record<string, { privateKey: KeyObject; publicKey: KeyObject }> = {
  ...{ RS256: rsa, PS256: rsa, PS512: rsa, EdDSA: ed25519, Ed25519: ed25519 },
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
};

const clock = new ManualClock(Date.now());
const now = Math.floor(clock.now() / 1000);
const HOUR = 3600;
/** As Entra dates the tokens of people: an hour or more, from five minutes ago. */
const anHour = { iat: now - 300, nbf: now - 300, exp: now + HOUR };
/** As Entra dates tokens of managed and workload identities, and under a policy of one day. */
const aDay = { iat: now - 300, nbf: now - 300, exp: now + 24 * HOUR };
/** With letters, which have two cases. */
const AUDIENCE = 'abcdef01-abcd-4abc-8abc-abcdefabcdef';
const APP_ID_URI = `api://${AUDIENCE}`;

interface Provider {
  readonly issuer: string;
  /** Address of the discovery document. */
  readonly metadata: string;
}

interface Caller {
  readonly provider: Provider;
  /** Environment variables, or entries of `TRUSTED_ISSUERS`. */
  readonly trust: Record<string, string> | readonly JsonObject[];
  readonly header?: JsonObject;
  readonly claims: JsonObject;
  readonly algorithm?: string;
  /** Members of the published key. */
  readonly jwk?: JsonObject;
}

const metadataOf = (issuer: string): string =>
  `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
const providerOf = (issuer: string): Provider => ({ issuer, metadata: metadataOf(issuer) });

const entra2 = providerOf(`https://login.test/${TENANT}/v2.0`);
const entra1: Provider = {
  issuer: `https://sts.windows.net/${TENANT}/`,
  metadata: metadataOf(`https://login.test/${TENANT}`),
};
/** Served by the tenant id as host, whatever the address of its metadata. */
const EXTERNAL_ID = `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0`;
const externalId: Provider = {
  issuer: EXTERNAL_ID,
  metadata: metadataOf(`https://contoso.ciamlogin.com/${TENANT}/v2.0`),
};
const b2c: Provider = {
  issuer: `https://contoso.b2clogin.com/${TENANT}/v2.0/`,
  metadata: metadataOf('https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signin/v2.0/'),
};
const id = providerOf('https://id.example.test');

const person2 = {
  ...{ aud: AUDIENCE, iss: entra2.issuer, ...anHour, aio: 'x', azp: CLIENT_APP, azpacr: '0' },
  ...{ name: 'Alice', oid: ALICE, preferred_username: 'alice@example.test', rh: 'x' },
  ...{ scp: 'CommunicationToken.Issue', sid: ALICE, sub: 'pairwise', tid: TENANT },
  ...{ uti: 'u', ver: '2.0', xms_ftd: 'x' },
};
const person1 = {
  ...{ aud: APP_ID_URI, iss: entra1.issuer, ...anHour, acr: '1', aio: 'x', amr: ['pwd', 'mfa'] },
  ...{ appid: CLIENT_APP, appidacr: '0', family_name: 'A', given_name: 'Alice', ipaddr: '::1' },
  ...{ name: 'Alice', oid: ALICE, rh: 'x', scp: 'CommunicationToken.Issue', sub: 'pairwise' },
  ...{ tid: TENANT, unique_name: 'alice@example.test', upn: 'alice@example.test', uti: 'u' },
  ver: '1.0',
};
const managedIdentity2 = {
  ...{ aud: AUDIENCE, iss: entra2.issuer, ...aDay, aio: 'x', azp: CLIENT_APP, azpacr: '2' },
  ...{ idtyp: 'app', oid: ALICE, rh: 'x', roles: ['CommunicationToken.Issue'], sub: ALICE },
  ...{ tid: TENANT, uti: 'u', ver: '2.0', xms_mirid: '/subscriptions/s/resourcegroups/g/vm' },
};
const managedIdentity1 = {
  ...{ aud: APP_ID_URI, iss: entra1.issuer, ...aDay, aio: 'x', appid: CLIENT_APP, appidacr: '2' },
  ...{ idp: entra1.issuer, oid: ALICE, rh: 'x', roles: ['CommunicationToken.Issue'], sub: ALICE },
  ...{ tid: TENANT, uti: 'u', ver: '1.0', xms_mirid: '/subscriptions/s/resourcegroups/g/vm' },
};
const b2cPerson = {
  ...{ iss: b2c.issuer, ...anHour, aud: AUDIENCE, oid: ALICE, sub: ALICE, name: 'Alice' },
  ...{ tfp: 'B2C_1_signin', nonce: 'n', scp: 'CommunicationToken.Issue', azp: CLIENT_APP },
  ver: '1.0',
};
/** RFC 9068, section 2.2. */
const rfc9068 = {
  ...{ iss: id.issuer, aud: 'acs', sub: 'alice', client_id: 'shop', jti: 'j' },
  ...{ iat: now, exp: now + HOUR, scope: 'openid CommunicationToken.Issue' },
};
const keycloak24 = {
  ...{ iss: id.issuer, aud: ['acs', 'account'], sub: ALICE, typ: 'Bearer', azp: 'shop', jti: 'j' },
  ...{ iat: now, exp: now + 300, nonce: 'n', session_state: 's', acr: '1', sid: 's' },
  ...{ 'allowed-origins': ['https://shop.test'], realm_access: { roles: ['offline_access'] } },
  ...{ scope: 'openid CommunicationToken.Issue', preferred_username: 'alice' },
};

const openId = { issuer: id.issuer, audiences: ['acs'], tenant: 'customers' };
const externalIdTrust = { issuer: EXTERNAL_ID, audiences: [AUDIENCE], tenant: 'customers' };
const b2cTrust = {
  ...{ issuer: b2c.issuer, metadataUrl: b2c.metadata, audiences: [AUDIENCE], tenant: 'customers' },
};
const person: Partial<Principal> = { kind: 'user', subject: ALICE as Principal['subject'] };
const service: Partial<Principal> = { kind: 'service', subject: ALICE as Principal['subject'] };
const shopper = { kind: 'user', subject: 'alice', clientApp: 'shop' };

async function authenticate({ provider, trust, header, claims, algorithm = 'RS256', jwk }: Caller) {
  const pair = keys[algorithm];
  if (pair === undefined) throw new Error('no key');
  const source = new MemoryMetadataSource();
  const keysUrl = 'https://keys.test/';
  source.documents.set(provider.metadata, { issuer: provider.issuer, jwks_uri: keysUrl });
  const published = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', ...jwk };
  source.documents.set(keysUrl, { keys: [published] });
  const settings = settingsFrom(
    Array.isArray(trust)
      ? { TRUSTED_ISSUERS: JSON.stringify(trust), ENTRA_TENANT_ID: '', ENTRA_AUDIENCE: '' }
      : { ENTRA_AUDIENCE: AUDIENCE, ...(trust as Record<string, string>) }, // it is no list
  );
  const logger = new MemoryLogger();
  const authenticator = new BearerAuthenticator(
    createTokenVerifiers(settings, { source, clock, logger }),
  );
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: 'k', ...header })
    .sign(pair.privateKey);
  const attempt = authenticator.authenticate(
    {
      ...{ method: 'POST', headers: { authorization: `Bearer ${token}` } },
      raw: { rawHeaders: ['authorization', 'x'], socket: {} },
    },
    'CommunicationToken.Issue',
  );
  attempt.catch(() => undefined);
  // An unknown key id waits for the end of the cooldown.
  for (let tick = 0; tick < 10 && clock.sleeping === 0; tick += 1) await new Promise(setImmediate);
  if (clock.sleeping > 0) await clock.advance(5_000);
  return attempt;
}

const v1Environment = { ENTRA_TOKEN_VERSIONS: '1.0', ENTRA_AUDIENCE: APP_ID_URI };

describe('callers as they come', () => {
  it.each<[string, Caller, object]>([
    ['a person, v2.0', { provider: entra2, trust: {}, claims: person2 }, person],
    ['a person, v1.0', { provider: entra1, trust: v1Environment, claims: person1 }, person],
    [
      'a person whose tokens live a day by policy',
      { provider: entra2, trust: {}, claims: { ...person2, ...aDay } },
      person,
    ],
    [
      'a managed identity, v2.0, for 24 hours and five minutes',
      { provider: entra2, trust: {}, claims: managedIdentity2 },
      service,
    ],
    [
      'a managed identity, v1.0, without idtyp',
      { provider: entra1, trust: v1Environment, claims: managedIdentity1 },
      service,
    ],
    [
      'a workload with a federated credential',
      {
        provider: entra2,
        trust: {},
        claims: { ...managedIdentity2, xms_mirid: undefined, idtyp: undefined },
      },
      service,
    ],
    [
      'an API that is configured by its client id in capitals',
      { provider: entra2, trust: { ENTRA_AUDIENCE: AUDIENCE.toUpperCase() }, claims: person2 },
      person,
    ],
    [
      'an API that is configured by its application id URI, v2.0',
      { provider: entra2, trust: { ENTRA_AUDIENCE: APP_ID_URI }, claims: person2 },
      person,
    ],
    [
      'an API that is configured by its application id URI in capitals, v1.0',
      {
        provider: entra1,
        trust: { ...v1Environment, ENTRA_AUDIENCE: `api://${AUDIENCE.toUpperCase()}` },
        claims: person1,
      },
      person,
    ],
    [
      'an API whose tokens have its application id URI in capitals, v1.0',
      {
        provider: entra1,
        trust: v1Environment,
        claims: { ...person1, aud: `api://${AUDIENCE.toUpperCase()}` },
      },
      person,
    ],
    [
      'an API that is configured by its client id, v1.0',
      {
        provider: entra1,
        trust: { ...v1Environment, ENTRA_AUDIENCE: AUDIENCE },
        claims: person1,
      },
      person,
    ],
    [
      'a customer of External ID, by ENTRA_AUTHORITY',
      {
        provider: externalId,
        trust: { ENTRA_AUTHORITY: 'https://contoso.ciamlogin.com' },
        claims: { ...person2, iss: EXTERNAL_ID },
      },
      { ...person, tenant: TENANT },
    ],
    [
      'a customer of External ID at its own domain, with keys that are bound to the issuer',
      {
        provider: { ...externalId, metadata: metadataOf(`https://login.shop.test/${TENANT}/v2.0`) },
        trust: [
          {
            ...{ profile: 'entra', authority: 'https://login.shop.test' },
            ...{ tenants: [TENANT], audiences: [AUDIENCE] },
          },
        ],
        claims: { ...person2, iss: EXTERNAL_ID },
        jwk: { issuer: 'https://{tenantid}.ciamlogin.com/{tenantid}/v2.0' },
      },
      { ...person, tenant: TENANT },
    ],
    [
      'a customer of External ID, by its issuer',
      {
        provider: providerOf(EXTERNAL_ID),
        trust: [{ ...externalIdTrust, subjectClaim: 'oid' }],
        claims: { ...person2, iss: EXTERNAL_ID },
      },
      { ...person, tenant: 'customers' },
    ],
    [
      'a customer of External ID, by the address with the name of the tenant',
      {
        provider: externalId,
        trust: [
          {
            ...{ ...externalIdTrust, subjectClaim: 'oid' },
            issuer: `https://contoso.ciamlogin.com/${TENANT}/v2.0`,
          },
        ],
        claims: { ...person2, iss: EXTERNAL_ID },
      },
      { ...person, tenant: 'customers', issuer: EXTERNAL_ID },
    ],
    [
      'a customer of Azure AD B2C, with a nonce',
      { provider: b2c, trust: [b2cTrust], claims: b2cPerson },
      { ...person, clientApp: CLIENT_APP },
    ],
    [
      'a person at Keycloak 24, with a nonce',
      { provider: id, trust: [openId], claims: keycloak24 },
      { ...person, clientApp: 'shop' },
    ],
    ...['at+jwt', 'application/at+jwt', 'AT+JWT'].map((typ): [string, Caller, object] => [
      `a person at a provider of RFC 9068, ${typ}`,
      { provider: id, trust: [openId], header: { typ }, claims: rfc9068 },
      shopper,
    ]),
    [
      'an allowed client by client_id',
      { provider: id, trust: [{ ...openId, clientApps: ['shop'] }], claims: rfc9068 },
      shopper,
    ],
    [
      'a person at Okta, whose client is cid',
      {
        provider: id,
        trust: [{ ...openId, tokenTypes: [''] }],
        header: { typ: undefined },
        claims: {
          ...{ ...rfc9068, client_id: undefined, scope: undefined, cid: 'shop', uid: 'x', ver: 1 },
          scp: ['openid', 'CommunicationToken.Issue'],
        },
      },
      shopper,
    ],
    [
      'a service at a provider of RFC 9068',
      { provider: id, trust: [openId], claims: { ...rfc9068, sub: 'shop' } },
      { kind: 'service', subject: 'shop', clientApp: 'shop' },
    ],
    [
      'a service whose tokens live 24 hours and are back-dated',
      { provider: id, trust: [openId], claims: { ...rfc9068, sub: 'shop', ...aDay } },
      { kind: 'service' },
    ],
    ...['PS256', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519'].map(
      (algorithm): [string, Caller, object] => [
        `a person at a provider that signs with ${algorithm} only`,
        { provider: id, trust: [openId], algorithm, claims: rfc9068, jwk: { alg: algorithm } },
        shopper,
      ],
    ),
  ])('accepts %s', async (_caller, caller, expected) => {
    expect(await authenticate(caller)).toMatchObject(expected);
  });

  it.each<[string, Caller, string]>([
    [
      'a token that lives longer than a day and five minutes',
      { provider: entra2, trust: {}, claims: { ...managedIdentity2, exp: aDay.exp + 1 } },
      'lifetime-too-long',
    ],
    [
      'a v1.0 token where v2.0 is configured',
      { provider: entra1, trust: { ENTRA_AUDIENCE: APP_ID_URI }, claims: person1 },
      'version-not-allowed',
    ],
    [
      'a token for another API, by its application id URI',
      { provider: entra1, trust: v1Environment, claims: { ...person1, aud: `api://${ALICE}` } },
      'audience',
    ],
    [
      'a token for an API of the tenant whose application id URI begins alike',
      { provider: entra1, trust: v1Environment, claims: { ...person1, aud: `${APP_ID_URI}/x` } },
      'audience',
    ],
    [
      'a token whose audience is in capitals, as Entra never writes it',
      { provider: entra2, trust: {}, claims: { ...person2, aud: AUDIENCE.toUpperCase() } },
      'audience',
    ],
    [
      'an ID token of Entra',
      { provider: entra2, trust: {}, claims: { ...person2, nonce: 'n', azp: undefined } },
      'not-an-access-token',
    ],
    [
      'a token of Azure AD B2C by the settings of Entra',
      {
        provider: b2c,
        trust: { ENTRA_AUTHORITY: 'https://contoso.b2clogin.com' },
        claims: b2cPerson,
      },
      'issuer-not-trusted',
    ],
    [
      'an ID token of Azure AD B2C',
      {
        provider: b2c,
        trust: [b2cTrust],
        claims: { ...b2cPerson, scp: undefined, azp: undefined, auth_time: now },
      },
      'not-an-access-token',
    ],
    [
      'an ID token of Keycloak',
      { provider: id, trust: [openId], claims: { ...keycloak24, typ: 'ID', scope: undefined } },
      'not-an-access-token',
    ],
    [
      'an ID token with a nonce where every token is taken for an access token',
      {
        provider: id,
        trust: [{ ...openId, accessTokenWhen: 'any' }],
        claims: { ...rfc9068, scope: undefined, nonce: 'n' },
      },
      'not-an-access-token',
    ],
    [
      'a token of External ID of another tenant',
      {
        provider: { ...externalId, issuer: EXTERNAL_ID.replaceAll(TENANT, ALICE) },
        trust: { ENTRA_AUTHORITY: 'https://contoso.ciamlogin.com' },
        claims: { ...person2, iss: EXTERNAL_ID.replaceAll(TENANT, ALICE), tid: ALICE },
      },
      'issuer-not-trusted',
    ],
    [
      'a client that is not allowed, by client_id',
      { provider: id, trust: [{ ...openId, clientApps: ['crm'] }], claims: rfc9068 },
      'client-app-not-allowed',
    ],
    [
      'a client that is not allowed, by azp, whatever client_id is',
      {
        provider: id,
        trust: [{ ...openId, clientApps: ['shop'] }],
        claims: { ...rfc9068, azp: 'crm' },
      },
      'client-app-not-allowed',
    ],
    [
      'an algorithm that the issuer is not configured for',
      {
        provider: id,
        trust: [{ ...openId, algorithms: ['PS256'] }],
        algorithm: 'RS256',
        claims: rfc9068,
      },
      'algorithm-not-allowed',
    ],
    [
      'a key for another algorithm',
      { provider: id, trust: [openId], claims: rfc9068, algorithm: 'PS256', jwk: { alg: 'RS256' } },
      'key-unknown',
    ],
    [
      'another algorithm than RS256 of Entra',
      { provider: entra2, trust: {}, claims: person2, algorithm: 'PS256' },
      'algorithm-not-allowed',
    ],
  ])('refuses %s', async (_caller, caller, reason) => {
    await expect(authenticate(caller)).rejects.toMatchObject({ reason });
  });
});
