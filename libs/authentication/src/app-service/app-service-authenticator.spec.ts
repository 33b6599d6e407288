import { describe, expect, it } from 'vitest';
import { settingsFrom } from '../testing/settings.js';
import { ALICE, AUDIENCE, CLIENT_APP, TENANT } from '../testing/test-issuer.js';
import { AppServiceAuthenticator } from './app-service-authenticator.js';
import type { Principal } from '#libs/platform';

interface Claim {
  readonly typ: string;
  readonly val: string;
}

const claims: readonly Claim[] = [
  { typ: 'iss', val: `https://login.test/${TENANT}/v2.0` },
  { typ: 'aud', val: AUDIENCE },
  { typ: 'azp', val: CLIENT_APP },
  { typ: 'http://schemas.microsoft.com/identity/claims/tenantid', val: TENANT },
  { typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier', val: ALICE },
  { typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier', val: 'pairwise' },
  { typ: 'http://schemas.microsoft.com/identity/claims/scope', val: 'CommunicationToken.Issue' },
  { typ: 'roles', val: 'AuditLog.Read.All' },
  { typ: 'constructor', val: 'ignored' },
];

async function authenticate(
  value: unknown,
  headers: readonly string[] = ['x-ms-client-principal'],
): Promise<Principal> {
  const { entra } = settingsFrom();
  if (entra === undefined) throw new Error('no settings');
  const text = Buffer.from(JSON.stringify(value)).toString('base64');
  return new AppServiceAuthenticator(entra).authenticate({
    method: 'GET',
    headers: headers.length > 0 ? { 'x-ms-client-principal': text } : {},
    raw: { rawHeaders: headers.flatMap((name) => [name, text]), socket: {} },
  });
}

function clientPrincipal(list: readonly Claim[], changes: object = {}): object {
  return { auth_typ: 'aad', claims: list, name_typ: 'name', role_typ: 'roles', ...changes };
}

function without(type: string): readonly Claim[] {
  return claims.filter(({ typ }) => typ !== type);
}

describe('AppServiceAuthenticator', () => {
  it('maps the header of App Service to a principal', async () => {
    expect(await authenticate(clientPrincipal(claims))).toEqual({
      kind: 'user',
      issuer: `https://login.test/${TENANT}/v2.0`,
      tenant: TENANT,
      subject: ALICE,
      clientApp: CLIENT_APP,
      permissions: ['CommunicationToken.Issue'],
      isGuest: undefined,
    });
  });

  it('asks for the scope of the client and the role of the person', async () => {
    const scope = 'http://schemas.microsoft.com/identity/claims/scope';
    const scopes = { typ: scope, val: 'CommunicationToken.Issue AuditLog.Read.All' };
    const both = await authenticate(clientPrincipal([...without(scope), scopes]));
    expect(both.permissions).toEqual(['CommunicationToken.Issue', 'AuditLog.Read.All']);
    const noRole = [...without(scope), scopes].filter(({ typ }) => typ !== 'roles');
    expect((await authenticate(clientPrincipal(noRole))).permissions).toEqual([
      'CommunicationToken.Issue',
    ]);
  });

  it.each<[string, unknown, readonly string[]]>([
    ['no-credentials', clientPrincipal(claims), []],
    [
      'malformed-header',
      clientPrincipal(claims),
      ['x-ms-client-principal', 'X-MS-CLIENT-PRINCIPAL'],
    ],
    ['claims-malformed', 'text', ['x-ms-client-principal']],
    [
      'claims-malformed',
      clientPrincipal(claims, { auth_typ: 'facebook' }),
      ['x-ms-client-principal'],
    ],
    ['claims-malformed', clientPrincipal(without('iss')), ['x-ms-client-principal']],
    [
      'audience',
      clientPrincipal([...without('aud'), { typ: 'aud', val: 'other' }]),
      ['x-ms-client-principal'],
    ],
    [
      'duplicate-member',
      clientPrincipal([...claims, { typ: 'oid', val: CLIENT_APP }]),
      ['x-ms-client-principal'],
    ],
    [
      'tenant-not-allowed',
      clientPrincipal([
        ...without('http://schemas.microsoft.com/identity/claims/tenantid'),
        { typ: 'tid', val: ALICE },
      ]),
      ['x-ms-client-principal'],
    ],
  ])('rejects with the reason %s (%#)', async (reason, value, headers) => {
    await expect(authenticate(value, headers)).rejects.toMatchObject({ reason });
  });
});
