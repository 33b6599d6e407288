import { describe, expect, it } from 'vitest';
import { settingsFrom } from '../testing/settings.js';
import { ALICE, AUDIENCE, CLIENT_APP, TENANT } from '../testing/test-issuer.js';
import { AppServiceAuthenticator } from './app-service-authenticator.js';
import type { Principal } from '../access/principal.js';

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
  { typ: 'constructor', val: 'harmless' },
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

function principal(list: readonly Claim[], changes: object = {}): object {
  return { auth_typ: 'aad', claims: list, name_typ: 'name', role_typ: 'roles', ...changes };
}

function without(type: string): readonly Claim[] {
  return claims.filter(({ typ }) => typ !== type);
}

describe('AppServiceAuthenticator', () => {
  it('takes the caller from the header that App Service sets', async () => {
    expect(await authenticate(principal(claims))).toEqual({
      kind: 'user',
      issuer: `https://login.test/${TENANT}/v2.0`,
      tenant: TENANT,
      subject: ALICE,
      clientApp: CLIENT_APP,
      permissions: ['CommunicationToken.Issue', 'AuditLog.Read.All'],
      isGuest: false,
    });
  });

  it.each<[string, unknown, readonly string[]]>([
    ['no-credentials', principal(claims), []],
    ['malformed-header', principal(claims), ['x-ms-client-principal', 'X-MS-CLIENT-PRINCIPAL']],
    ['claims-malformed', 'text', ['x-ms-client-principal']],
    ['claims-malformed', principal(claims, { auth_typ: 'facebook' }), ['x-ms-client-principal']],
    ['claims-malformed', principal(without('iss')), ['x-ms-client-principal']],
    [
      'audience',
      principal([...without('aud'), { typ: 'aud', val: 'other' }]),
      ['x-ms-client-principal'],
    ],
    [
      'duplicate-member',
      principal([...claims, { typ: 'oid', val: CLIENT_APP }]),
      ['x-ms-client-principal'],
    ],
    [
      'tenant-not-allowed',
      principal([
        ...without('http://schemas.microsoft.com/identity/claims/tenantid'),
        { typ: 'tid', val: ALICE },
      ]),
      ['x-ms-client-principal'],
    ],
  ])('refuses for the reason %s (%#)', async (reason, value, headers) => {
    await expect(authenticate(value, headers)).rejects.toMatchObject({ reason });
  });
});
