import { inspect } from 'node:util';
import type { Forge, HostileToken, Members } from './forge.js';

const HOME = '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40001';
const SECOND = '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40002';
const THIRD = '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40003';
const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad';

/** One token for each change of the claims, with a valid signature. */
function each(
  changes: readonly (Members | ((claims: Members, nowSeconds: number) => Members))[],
): readonly HostileToken[] {
  return changes.map((change, number) => ({
    name:
      typeof change === 'function'
        ? `number ${number + 1}`
        : `claims ${inspect(change, { breakLength: Infinity }).slice(0, 80)}`,
    authorization: async (forge: Forge) => {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const members = typeof change === 'function' ? change(forge.claims, nowSeconds) : change;
      return `Bearer ${await forge.withClaims(members)}`;
    },
  }));
}

const times = each([
  (_claims, now) => ({ iat: now - 7200, nbf: now - 7200, exp: now - 3600 }),
  (_claims, now) => ({ iat: now - 7200, nbf: now - 7200, exp: now - 61 }),
  (_claims, now) => ({ nbf: now + 3600 }),
  (_claims, now) => ({ iat: now + 3600 }),
  (_claims, now) => ({ nbf: now + 3600, exp: now + 7200 }),
  (_claims, now) => ({ exp: now + 25 * 3600 }),
  (_claims, now) => ({ iat: now - 30 * 3600, nbf: now }),
  (_claims, now) => ({ exp: now + 10 * 365 * 24 * 3600 }),
  (_claims, now) => ({ exp: (now + 3600) * 1000 }),
  (_claims, now) => ({ exp: String(now + 3600) }),
  (_claims, now) => ({ exp: [now + 3600] }),
  (_claims, now) => ({ exp: now + 3600.5 }),
  (_claims, now) => ({ nbf: String(now) }),
  (_claims, now) => ({ iat: { value: now } }),
  (claims) => ({ exp: claims.nbf }),
  { exp: undefined },
  { exp: null },
  { exp: true },
  { exp: '' },
  { exp: 0 },
  { exp: -1 },
  { exp: Number.MAX_SAFE_INTEGER },
  { exp: 1e300 },
  { nbf: undefined },
  { nbf: null },
  { nbf: 0 },
  { nbf: -1 },
  { iat: undefined },
  { iat: null },
  { iat: 'now' },
]);

const issuers = each([
  ...[
    (iss: string) => `${iss}/`,
    (iss: string) => iss.toUpperCase(),
    (iss: string) => iss.replace('https:', 'http:'),
    (iss: string) => iss.replace('https://', 'https://attacker@'),
    (iss: string) => iss.replace('/v2.0', ''),
    (iss: string) => iss.replace('/v2.0', '/v1.0'),
    (iss: string) => iss.replace(HOME, SECOND),
    (iss: string) => iss.replace(HOME, '{tenantid}'),
    (iss: string) => iss.replace(HOME, `x/../${HOME}`),
    (iss: string) => `${iss}?x=1`,
    (iss: string) => ` ${iss}`,
    (iss: string) => `${iss}\u0000`,
    (iss: string) => [iss],
  ].map((change) => (claims: Members) => ({ iss: change(String(claims.iss)) })),
  { iss: `https://sts.windows.net/${HOME}/` },
  { iss: `https://login.microsoftonline.com/${HOME}/v2.0` },
  { iss: 'https://attacker.example' },
  { iss: '' },
  { iss: undefined },
  { iss: null },
  { iss: { toString: 'https://attacker.example' } },
  { tid: SECOND },
  { tid: THIRD },
  { tid: CONSUMERS },
  { tid: HOME.toUpperCase() },
  { tid: ` ${HOME}` },
  { tid: [HOME] },
  { tid: undefined },
  { tid: null },
  { tid: '' },
  { tid: 'common' },
  { tid: `${HOME}\ud800` },
]);

const tenants: readonly HostileToken[] = [
  {
    name: 'a valid token of a tenant that is not allowed',
    authorization: async (forge) =>
      `Bearer ${await forge.withClaims({ tid: THIRD, iss: String(forge.claims.iss).replace(HOME, THIRD) })}`,
  },
  {
    name: 'a valid token of the consumer tenant',
    authorization: async (forge) =>
      `Bearer ${await forge.withClaims({ tid: CONSUMERS, iss: String(forge.claims.iss).replace(HOME, CONSUMERS) })}`,
  },
];

const audiences = each([
  { aud: 'https://graph.microsoft.com' },
  { aud: '00000003-0000-0000-c000-000000000000' },
  { aud: '' },
  { aud: undefined },
  { aud: null },
  { aud: 1 },
  { aud: {} },
  { aud: [] },
  (claims) => ({ aud: [claims.aud] }),
  (claims) => ({ aud: [claims.aud, 'other'] }),
  (claims) => ({ aud: `${String(claims.aud)} ` }),
  (claims) => ({ aud: `spn:${String(claims.aud)}` }),
  (claims) => ({ aud: `${String(claims.aud)},other` }),
  (claims) => ({ aud: String(claims.aud).slice(0, -1) }),
  (claims) => ({ aud: String(claims.aud).toUpperCase(), appid: claims.aud }),
  { ver: '1.0' },
  { ver: '3.0' },
  { ver: 2 },
  { ver: undefined },
  { ver: ['2.0'] },
  { nonce: 'n' },
  { nonce: '' },
  { nonce: null },
  { scp: undefined },
  { scp: undefined, roles: ['CommunicationToken.Issue'] },
  { scp: '', roles: ['CommunicationToken.Issue'] },
  { scp: undefined, idtyp: 'user', roles: ['CommunicationToken.Issue'] },
  { azp: undefined },
  { azp: 'not-a-guid' },
  { azp: ['x'] },
  { azpacr: 1 },
  { azpacr: '3' },
  { azpacr: undefined },
]);

const authorizations = each([
  { scp: 'User.Read' },
  { scp: 'communicationtoken.issue' },
  { scp: 'CommunicationToken.Issue.Extra' },
  { scp: 'CommunicationToken.Issue,User.Read' },
  { scp: 'CommunicationToken.Issue\tUser.Read' },
  { scp: 'CommunicationToken.*' },
  { scp: '*' },
  { scp: 'CommunicationToken.Issue\u200b' },
  { scp: 'CommunicationToken.Issue.All' },
  { scp: 'AuditLog.Read.All', roles: [] },
  { scp: 'User.Read', roles: ['communicationtoken.issue'] },
  { scp: 'User.Read', wids: ['62e90394-69f5-4237-9190-012177145e10'] },
  { scp: ['CommunicationToken.Issue'] },
  { scp: { 0: 'CommunicationToken.Issue' } },
  { scp: true },
  { roles: 'CommunicationToken.Issue' },
  { roles: { 0: 'CommunicationToken.Issue' } },
  { roles: [['CommunicationToken.Issue']] },
  { roles: [null] },
  { idtyp: 'app' },
  { idtyp: 'admin' },
  { idtyp: 1 },
  { oid: undefined },
  { oid: null },
  { oid: '' },
  { oid: '../bob' },
  { oid: ['x'] },
  { sub: undefined },
  { sub: 7 },
  { acct: 2 },
  { acct: '0' },
  { uti: 7 },
  { name: ['Alice'] },
  { idp: 7 },
]);

export const hostileClaims: Readonly<Record<string, readonly HostileToken[]>> = {
  time: times,
  'issuer and tenant': [...issuers, ...tenants],
  'audience and type': audiences,
  authorization: authorizations,
};
