import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, describe, expect, it } from 'vitest';
import type { Principal } from '#libs/platform';
import { settingsFrom } from '../testing/settings.js';
import { ALICE, AUDIENCE, CLIENT_APP, TENANT } from '../testing/test-issuer.js';
import { BuiltInAuthenticator, MissingPrincipals } from './built-in-authenticator.js';

type Claims = readonly (readonly [typ: string, val: string])[];

const MICROSOFT = 'http://schemas.microsoft.com/identity/claims';
const SOAP = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims';
const ROLE = 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role';

const folder = mkdtempSync(join(tmpdir(), 'providers-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const own = { client: ['CommunicationToken.Issue'] };
const PROVIDERS = [
  { provider: 'aad', permissions: { client: ['CommunicationToken.Issue', 'AuditLog.Read.All'] } },
  ...['facebook', 'google', 'apple', 'github', 'twitter'].map((provider) => ({
    ...{ provider, tenant: `${provider}-people`, permissions: own },
  })),
  {
    ...{ provider: 'ContosoId', tenant: 'contoso', subjectClaim: 'uid' },
    permissions: {
      client: ['CommunicationToken.Issue', 'AuditLog.Read.All'],
      ...{ personClaims: ['groups'], names: { auditors: 'AuditLog.Read.All' } },
    },
  },
  { provider: 'robots', tenant: 'robots', kind: 'bot', permissions: own },
];

function authenticatorWith(
  providers: object[] = PROVIDERS,
  environment = {},
): BuiltInAuthenticator {
  const path = join(folder, 'providers.json');
  writeFileSync(path, JSON.stringify(providers));
  const settings = settingsFrom({
    ...{ AUTHENTICATION_MODE: 'container-apps', CONTAINER_APP_NAME: 'acs', ENTRA_AUTHORITY: '' },
    ...{ AUTHENTICATION_PROVIDERS_FILE: path },
    ...environment,
  });
  return new BuiltInAuthenticator(settings, new MissingPrincipals(new Registry()));
}

const withProviders = authenticatorWith();

/** The header as the platform makes it. */
function encode(provider: string, claims: Claims, changes: object = {}): string {
  const list = claims.map(([typ, val]) => ({ typ, val }));
  const names = { name_typ: `${SOAP}/emailaddress`, role_typ: ROLE };
  const json = { auth_typ: provider, claims: list, ...names, ...changes };
  return Buffer.from(JSON.stringify(json)).toString('base64');
}

async function authenticate(
  header: string | undefined,
  more: Record<string, string> = {},
  authenticator = withProviders,
): Promise<Principal> {
  const headers = { ...(header !== undefined && { 'x-ms-client-principal': header }), ...more };
  return authenticator.authenticate({
    ...{ method: 'GET', headers },
    raw: { rawHeaders: Object.entries(headers).flat(), socket: {} },
  });
}

function changed(claims: Claims, typ: string, ...values: string[]): Claims {
  const others = claims.filter(([other]) => other !== typ);
  return [...others, ...values.map((value) => [typ, value] as const)];
}

/** A browser session: the claims of an ID token. */
const session: Claims = [
  ['aud', AUDIENCE],
  ['iss', `https://login.test/${TENANT}/v2.0`],
  ['aio', 'x'],
  ['c_hash', 'x'],
  [`${SOAP}/emailaddress`, 'alice@example.test'],
  ['name', 'Alice'],
  ['nonce', 'x'],
  [`${MICROSOFT}/objectidentifier`, ALICE],
  ['preferred_username', 'alice@example.test'],
  [`${SOAP}/nameidentifier`, 'pairwise'],
  [`${MICROSOFT}/tenantid`, TENANT],
  ['uti', 'u'],
  ['ver', '2.0'],
];
const sessionWithShortNames: Claims = session.map(([typ, val]) => {
  const last = typ.split('/').at(-1) ?? typ;
  const short = { objectidentifier: 'oid', tenantid: 'tid', nameidentifier: 'sub' };
  return [Object.hasOwn(short, last) ? short[last as keyof typeof short] : last, val];
});
/** An access token of a client. */
const token: Claims = [
  ['aud', AUDIENCE],
  ['iss', `https://login.test/${TENANT}/v2.0`],
  ['azp', CLIENT_APP],
  ['name', 'Alice'],
  [`${MICROSOFT}/objectidentifier`, ALICE],
  [`${MICROSOFT}/scope`, 'CommunicationToken.Issue AuditLog.Read.All'],
  [`${SOAP}/nameidentifier`, 'pairwise'],
  [`${MICROSOFT}/tenantid`, TENANT],
  ['constructor', 'ignored'],
];
const application: Claims = [
  ...changed(changed(token, `${MICROSOFT}/scope`), 'name'),
  ...([
    ['idtyp', 'app'],
    ['roles', 'CommunicationToken.Issue.All'],
  ] as const),
];

const facebook: Claims = [
  [`${SOAP}/nameidentifier`, '10150000000000001'],
  [`${SOAP}/emailaddress`, 'fay@example.test'],
  [`${SOAP}/name`, 'Fay Example'],
  [`${SOAP}/givenname`, 'Fay'],
  [`${SOAP}/surname`, 'Example'],
];
const google: Claims = [
  ['iss', 'https://accounts.google.com'],
  ['azp', '4711.apps.googleusercontent.com'],
  ['aud', '4711.apps.googleusercontent.com'],
  ['sub', '113000000000000000001'],
  ['email', 'gina@example.test'],
  ['email_verified', 'true'],
  ['name', 'Gina'],
  ['exp', '1795000000'],
];
const apple: Claims = [
  ['iss', 'https://appleid.apple.com'],
  ['aud', 'test.example.acs'],
  [`${SOAP}/nameidentifier`, '001999.aaaabbbb.0001'],
  ['email', 'x@privaterelay.appleid.com'],
  ['is_private_email', 'true'],
];
const github: Claims = [
  [`${SOAP}/nameidentifier`, '583231'],
  [`${SOAP}/name`, ''],
  ['urn:github:login', 'octo'],
  ['urn:github:type', 'User'],
];
const contoso: Claims = [
  ['iss', 'https://id.contoso.test'],
  ['sub', 'pairwise'],
  ['uid', 'e-4711'],
  ['groups', 'staff'],
  ['groups', 'auditors'],
];

describe('BuiltInAuthenticator', () => {
  const issue = ['CommunicationToken.Issue'];
  const both = [...issue, 'AuditLog.Read.All'];

  it.each<[string, string, object]>([
    [
      'a person who signed in with Entra in the browser',
      encode('aad', session),
      {
        ...{ kind: 'user', issuer: `https://login.test/${TENANT}/v2.0`, tenant: TENANT },
        ...{ subject: ALICE, clientApp: AUDIENCE, permissions: issue, displayName: 'Alice' },
        ...{ isGuest: undefined, tokenId: 'u' },
      },
    ],
    [
      'the same with short names of claims, and no names of roles',
      encode('aad', sessionWithShortNames, { name_typ: '', role_typ: null }),
      { subject: ALICE, permissions: issue },
    ],
    [
      'an auditor who signed in with Entra in the browser',
      encode('aad', [...session, ['roles', 'AuditLog.Read.All']]),
      { subject: ALICE, permissions: both },
    ],
    [
      'an auditor whose role has the name that role_typ says',
      encode('aad', [...session, [ROLE, 'AuditLog.Read.All']]),
      { permissions: both },
    ],
    [
      'a person whose browser session has a role that the session may not use',
      encode('aad', [...session, ['roles', 'AuditLog.Erase.All']]),
      { permissions: issue },
    ],
    [
      'a guest who signed in with Entra in the browser',
      encode('aad', [...session, ['acct', '1']]),
      { isGuest: true },
    ],
    [
      'a client with an access token for a person',
      encode('aad', [...token, ['roles', 'AuditLog.Read.All']]),
      { kind: 'user', subject: ALICE, clientApp: CLIENT_APP, permissions: both },
    ],
    [
      'a client with an access token for a person without roles',
      encode('AAD', token, { role_typ: undefined }),
      { permissions: issue },
    ],
    [
      'an application on its own',
      encode('aad', application),
      { kind: 'service', clientApp: CLIENT_APP, permissions: ['CommunicationToken.Issue.All'] },
    ],
    [
      'a person of Facebook, by the id and not by the address',
      encode('facebook', facebook),
      {
        ...{ kind: 'user', issuer: 'provider:facebook', tenant: 'facebook-people' },
        ...{ subject: '10150000000000001', permissions: issue, isGuest: undefined },
        displayName: 'Fay Example',
      },
    ],
    [
      'a person of Google',
      encode('google', google),
      { kind: 'user', tenant: 'google-people', subject: '113000000000000000001' },
    ],
    [
      'a person of Apple',
      encode('apple', apple),
      { tenant: 'apple-people', subject: '001999.aaaabbbb.0001', permissions: issue },
    ],
    [
      'a person of GitHub without a name',
      encode('github', github),
      { tenant: 'github-people', subject: '583231', permissions: issue },
    ],
    [
      'a person of X',
      encode('twitter', [['sub', '99']]),
      { tenant: 'twitter-people', subject: '99' },
    ],
    [
      'an auditor of an OpenID provider, by its own group and claim',
      encode('contosoid', contoso),
      { tenant: 'contoso', subject: 'e-4711', permissions: both },
    ],
    [
      'a person of an OpenID provider, with groups that mean nothing here',
      encode('ContosoId', changed(contoso, 'groups', 'constructor', 'auditors of the west')),
      { permissions: issue },
    ],
    [
      'a person of an OpenID provider who has a role that the file does not allow',
      encode('ContosoId', changed(contoso, 'groups', 'AuditLog.Erase.All')),
      { permissions: issue },
    ],
    [
      'a bot of a provider, whatever roles it has',
      encode('robots', [...facebook, ['roles', 'AuditLog.Read.All']]),
      { kind: 'bot', tenant: 'robots', permissions: issue, isGuest: false },
    ],
    [
      'a person with 200 groups',
      encode('aad', [...session, ...Array.from({ length: 200 }, () => ['groups', ALICE] as const)]),
      { subject: ALICE },
    ],
  ])('accepts %s', async (_who, header, expected) => {
    expect(await authenticate(header)).toMatchObject(expected);
  });

  it('never takes tenant or permissions of another provider from claims', async () => {
    const others = { tid: TENANT, oid: ALICE, scp: 'AuditLog.Read.All', iss: 'https://x.test' };
    const roles = { roles: 'AuditLog.Read.All', [ROLE]: 'AuditLog.Erase.All', idtyp: 'user' };
    const extra: Claims = [...facebook, ...Object.entries({ ...others, ...roles })];
    const { displayName, ...principal } = await authenticate(encode('facebook', extra));
    expect(displayName).toBe('Fay Example');
    expect(principal).toEqual({
      ...{ kind: 'user', issuer: 'provider:facebook', tenant: 'facebook-people' },
      ...{ subject: '10150000000000001', permissions: issue, isGuest: undefined },
    });
  });

  const base64 = (content: string | Buffer): string => Buffer.from(content).toString('base64');
  const subject = `${SOAP}/nameidentifier`;

  it.each<[string, string, string | undefined, Record<string, string>?]>([
    ['principal-missing', 'no header', undefined],
    ['principal-missing', 'an empty header', ''],
    ['oversized', 'a header of 33 KB', encode('google', [...google, ['x', 'x'.repeat(25_000)]])],
    ['principal-not-base64', 'JSON', JSON.stringify({ auth_typ: 'google' })],
    ['principal-not-base64', 'a cut header', encode('google', google).slice(0, -1)],
    ['principal-not-base64', 'two headers in one', `${encode('google', google)}, e30=`],
    ['principal-not-utf8', 'invalid UTF-8', base64(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['principal-not-json', 'a text', base64('signed in')],
    ['principal-not-json', 'a member twice', base64('{"auth_typ":"a","auth_typ":"b"}')],
    ['principal-malformed', 'a list', base64('[]')],
    ['principal-malformed', 'no claims', base64('{"auth_typ":"google"}')],
    [
      ...(['principal-malformed', 'the form of Static Web Apps'] as const),
      base64('{"identityProvider":"aad","userId":"x","userRoles":["authenticated"]}'),
    ],
    [
      ...(['provider-mismatch', 'another provider in the other header'] as const),
      ...([encode('google', google), { 'x-ms-client-principal-idp': 'aad' }] as const),
    ],
    ['provider-not-configured', 'a provider without an entry', encode('okta', google)],
    ['provider-not-configured', 'the name of an inherited member', encode('constructor', google)],
    ['subject-missing', 'no id', encode('facebook', changed(facebook, subject))],
    ['subject-missing', 'an empty id', encode('facebook', changed(facebook, subject, ''))],
    ['subject-missing', 'only another id', encode('contosoid', changed(contoso, 'uid'))],
    [
      ...(['subject-missing', 'no object id'] as const),
      encode('aad', changed(session, `${MICROSOFT}/objectidentifier`)),
    ],
    [
      'name-not-allowed',
      'an id with a space',
      encode('facebook', changed(facebook, subject, '1 ')),
    ],
    ['duplicate-member', 'two ids', encode('facebook', changed(facebook, subject, '1', '2'))],
    [
      ...(['duplicate-member', 'two ids, by the long and the short name'] as const),
      encode('facebook', [...facebook, ['sub', '2']]),
    ],
    ['duplicate-member', 'two object ids', encode('aad', [...session, ['oid', CLIENT_APP]])],
    [
      ...(['kind-mismatch', 'an application of a provider of people'] as const),
      encode('google', changed(google, 'sub', '4711.apps.googleusercontent.com')),
    ],
    [
      ...(['kind-mismatch', 'an application with its id in capitals'] as const),
      encode('google', [
        ...changed(google, 'sub', 'ABCDEF01-ABCD-4ABC-8ABC-ABCDEFABCDEF'),
        ['client_id', 'abcdef01-abcd-4abc-8abc-abcdefabcdef'],
      ]),
    ],
    [
      ...(['kind-mismatch', 'one of two client applications'] as const),
      encode('google', [...changed(google, 'sub', '7'), ['cid', '7'], ['cid', '8']]),
    ],
    [
      ...(['kind-mismatch', 'one of two grants of an application'] as const),
      encode('google', [...google, ['gty', 'client_credentials'], ['gty', 'refresh_token']]),
    ],
    [
      ...(['kind-mismatch', 'a grant of an application in a list'] as const),
      encode('google', [...google, ['gty', '["client_credentials"]']]),
    ],
    ['sender-constrained', 'a bound token', encode('google', [...google, ['cnf', '{}']])],
    ['claims-malformed', 'no issuer', encode('aad', changed(session, 'iss'))],
    ['audience', 'another audience', encode('aad', changed(session, 'aud', ALICE))],
    [
      ...(['tenant-not-allowed', 'another tenant'] as const),
      encode('aad', changed(session, `${MICROSOFT}/tenantid`, ALICE)),
    ],
    [
      'not-an-access-token',
      'a token without a scope',
      encode('aad', changed(token, `${MICROSOFT}/scope`)),
    ],
  ])('refuses with the reason %s: %s', async (reason, _what, header, more) => {
    await expect(authenticate(header, more)).rejects.toMatchObject({ reason });
  });

  it('refuses a header that was sent twice', async () => {
    const headers = { 'x-ms-client-principal': encode('google', google) };
    const raw = { rawHeaders: [...Object.entries(headers), ...Object.entries(headers)].flat() };
    const twice = { method: 'GET', headers, raw: { ...raw, socket: {} } };
    await expect(withProviders.authenticate(twice)).rejects.toMatchObject({
      reason: 'malformed-header',
    });
  });

  it('accepts the browser sessions of Entra only if the file says what they may do', async () => {
    const withoutEntra = authenticatorWith(PROVIDERS.slice(1), { ENTRA_TENANT_ID: TENANT });
    await expect(authenticate(encode('aad', session), {}, withoutEntra)).rejects.toMatchObject({
      reason: 'not-an-access-token',
    });
    expect(await authenticate(encode('aad', token), {}, withoutEntra)).toMatchObject({
      permissions: issue,
    });
  });

  it('checks that the application of a browser session is an allowed client', async () => {
    const limited = authenticatorWith(PROVIDERS, { ENTRA_ALLOWED_CLIENT_APPS: CLIENT_APP });
    await expect(authenticate(encode('aad', session), {}, limited)).rejects.toMatchObject({
      reason: 'client-app-not-allowed',
    });
  });

  it('needs no Entra where only other providers are configured', async () => {
    const environment = { ENTRA_TENANT_ID: '', ENTRA_AUDIENCE: '' };
    const withoutEntra = authenticatorWith(PROVIDERS.slice(1), environment);
    expect(await authenticate(encode('google', google), {}, withoutEntra)).toMatchObject({
      tenant: 'google-people',
    });
    await expect(authenticate(encode('aad', token), {}, withoutEntra)).rejects.toMatchObject({
      reason: 'provider-not-configured',
    });
  });
});
