import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClientExchange, Permission, RouteAccess } from '#libs/authentication';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { runningService } from '../support/running-service.js';
import { ALL_ROUTES, EXCHANGE_APIS, routesOf } from './routes.js';
import { type PersonData, type Probe, tenantProbes } from './tenant-probes.js';

const service = runningService({
  environment: {
    ...ALL_ROUTES,
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
    IDENTITY_LINK_TENANTS: '',
  },
});
const home = SAMPLE_TENANTS.home.id;
const second = SAMPLE_TENANTS.second.id;
let routes: readonly RouteAccess[];

beforeAll(async () => {
  routes = await routesOf(service(), ALL_ROUTES);
}, 60_000);

/** A person whose identifiers the caller knows, with those of another person, which it does not know. */
interface Victim extends PersonData {
  /** Values that no request contains, so that no response may contain them. */
  readonly secrets: readonly string[];
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function mint(tenant: string, permissions: readonly string[], oid: string): Promise<string> {
  return service().emulator.control.mintToken({
    person: 'alice',
    tenant,
    claims: { oid, scp: permissions.join(' '), roles: permissions },
  });
}

async function send(method: string, probe: Probe, token?: string): Promise<Answer> {
  const { path, body } = probe;
  const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
  const answer = await fetch(`${service().url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': type }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return {
    status: answer.status,
    type: answer.headers.get('content-type') ?? '',
    text: await answer.text(),
  };
}

interface Issued {
  readonly token: string;
  readonly identity: { readonly id: string; readonly communicationUserId: string };
  readonly auditEntry: { readonly id: string; readonly index: number };
}

/** Issues a token to a person of a tenant, whose display name an administrator has set. */
async function issueTo(tenant: string, subject: string, displayName: string): Promise<Issued> {
  const administrator = await mint(tenant, ['CommunicationIdentity.ReadWrite.All'], randomUUID());
  const body = { kind: 'user', subject, displayName };
  await send('POST', { path: '/v1/identities', body }, administrator);
  const own = await mint(tenant, ['CommunicationToken.Issue'], subject);
  const answer = await send('POST', { path: '/v1/me/tokens', body: {} }, own);
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text) as Issued;
}

/** Starts a mass revocation of nobody: of an invitation that has let in nobody. */
async function startRevocation(tenant: string, reason: string): Promise<string> {
  const operator = await mint(tenant, ['CommunicationToken.Revoke.All'], randomUUID());
  const { id: invitation } = await invite(tenant);
  const body = { invitation, reason };
  const answer = await send('POST', { path: '/v1/revocations', body }, operator);
  expect(answer.status, answer.text).toBe(202);
  return (JSON.parse(answer.text) as { id: string }).id;
}

/** Invites visitors. @returns the id and the invitation */
async function invite(
  tenant: string,
): Promise<{ readonly id: string; readonly invitation: string }> {
  const agent = await mint(tenant, ['Invitation.ReadWrite.All'], randomUUID());
  const body = { meeting: `Meeting of ${tenant}`, expiresInMinutes: 60 };
  const answer = await send('POST', { path: '/v1/invitations', body }, agent);
  expect(answer.status, answer.text).toBe(201);
  return JSON.parse(answer.text) as { readonly id: string; readonly invitation: string };
}

async function fingerprintOf({ auditEntry }: Issued): Promise<string> {
  const entries = await service().auditEntries();
  return entries.find(({ id }) => id === auditEntry.id)?.token?.fingerprint ?? '';
}

async function victimOf(tenant: string): Promise<Victim> {
  const [subject, other] = [randomUUID(), randomUUID()];
  const known = await issueTo(tenant, subject, `Known of ${tenant}`);
  const unknown = await issueTo(tenant, other, `Unknown of ${tenant}`);
  const revocation = await startRevocation(tenant, `Reason of ${tenant}`);
  const { id: invitationId, invitation } = await invite(tenant);
  return {
    tenant,
    subject,
    identityId: known.identity.id,
    communicationUserId: known.identity.communicationUserId,
    token: known.token,
    fingerprint: await fingerprintOf(known),
    entryId: known.auditEntry.id,
    entryIndex: known.auditEntry.index,
    revocationId: revocation,
    invitationId,
    secrets: [
      invitation,
      `Meeting of ${tenant}`,
      `Reason of ${tenant}`,
      `Known of ${tenant}`,
      `Unknown of ${tenant}`,
      other,
      unknown.identity.id,
      unknown.identity.communicationUserId,
      unknown.auditEntry.id,
      unknown.token,
      await fingerprintOf(unknown),
    ],
  };
}

/** Identifiers of the same kinds that do not exist. */
function missingOf(of: PersonData): PersonData {
  const { identityId, communicationUserId, token, entryIndex } = of;
  const [resource = ''] = communicationUserId.split('_');
  return {
    tenant: randomUUID(),
    subject: randomUUID(),
    // Of the same time, so that lists continue at the same position.
    identityId: `${identityId.slice(0, -12)}${randomBytes(6).toString('hex')}`,
    communicationUserId: `${resource}_${randomUUID()}`,
    token: `${token.slice(0, -20)}${'A'.repeat(20)}`,
    fingerprint: randomBytes(32).toString('base64url'),
    entryId: randomUUID(),
    entryIndex,
    revocationId: randomUUID(),
    invitationId: randomUUID(),
  };
}

/** Names and types of the members of a response; items of a list once for each shape. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shapeOf(item))))];
  if (typeof value !== 'object' || value === null) return typeof value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, inner]) => [name, shapeOf(inner)]));
}

/** The part of a response that must not differ between another tenant's data and missing data. */
function visible({ status, type, text }: Answer, { path, body }: Probe): unknown {
  if (type.startsWith('application/problem+json')) {
    const problem = JSON.parse(text) as Record<string, unknown>;
    return { status, type, ...problem, instance: '', requestId: '' };
  }
  // Each request adds an entry to the newest ones of the caller's own tenant.
  if (path === '/v1/audit/entries') return { status, type };
  if (type.startsWith('application/json')) return { status, type, body: shapeOf(JSON.parse(text)) };
  // Exports and statistics change with each request; an import has a result for each line.
  if (typeof body !== 'string') return { status, type };
  return {
    status,
    type,
    lines: shapeOf(
      text
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ),
  };
}

interface Caller {
  readonly name: string;
  token(permission: Permission, subject: string): Promise<string>;
  exchangeToken(exchange: ClientExchange, subject: string): Promise<string>;
}

/** A user with the subject of the victim, and an application. The exchanges take users' tokens of another API. */
function callersFrom(tenant: string): readonly Caller[] {
  const oid = randomUUID();
  const exchangeToken: Caller['exchangeToken'] = async (exchange, subject) =>
    service().emulator.control.mintToken({
      ...{ person: 'alice', tenant, resource: EXCHANGE_APIS[exchange] },
      claims: { oid: subject },
    });
  return [
    {
      name: 'a user',
      token: async (permission, subject) => mint(tenant, [permission], subject),
      exchangeToken,
    },
    {
      name: 'an application',
      exchangeToken,
      token: async (permission) =>
        service().emulator.control.mintToken({
          app: 'crm-service',
          tenant,
          claims: { oid, sub: oid, idtyp: 'app', roles: [permission] },
        }),
    },
  ];
}

/** Routes in the order of their probes, each with the permission that opens it. */
function walk(): readonly (RouteAccess & {
  readonly permission: Permission | undefined;
  readonly exchange: ClientExchange | undefined;
})[] {
  const order = Object.keys(tenantProbes);
  const place = ({ method, path }: RouteAccess): number => order.indexOf(`${method} ${path}`);
  return routes
    .toSorted((a, b) => place(a) - place(b))
    .map((route) => {
      const [rule] = route.rules;
      return {
        ...route,
        permission: rule?.kind === 'permission' ? rule.permission : undefined,
        exchange: rule?.kind === 'client-exchange' ? rule.exchange : undefined,
      };
    });
}

/** The responses to one probe, for the victim's data and for missing data. */
interface Pair {
  readonly request: string;
  readonly probe: Probe;
  readonly ofVictim: Answer;
  /** Absent when they may differ. */
  readonly ofMissing: Answer | undefined;
}

/** Sends the probes of a route, for the victim's data and for missing data. */
async function sendProbes(
  { method, path, permission, exchange }: ReturnType<typeof walk>[number],
  caller: Caller,
  victim: PersonData,
  missing: PersonData,
): Promise<Pair[]> {
  const tokenFor = async ({ subject }: PersonData): Promise<string | undefined> => {
    if (exchange) return caller.exchangeToken(exchange, subject);
    return permission && caller.token(permission, subject);
  };
  const [token, otherToken] = [await tokenFor(victim), await tokenFor(missing)];
  const probesOf = tenantProbes[`${method} ${path}`] ?? ((): readonly Probe[] => []);
  const others = probesOf(missing);
  const pairs: Pair[] = [];
  for (const [number, probe] of probesOf(victim).entries()) {
    const other = probe.differs === undefined ? others[number] : undefined;
    pairs.push({
      request: `${method} ${probe.path} by ${caller.name}`,
      probe,
      ofVictim: await send(method, probe, token),
      ofMissing: other && (await send(method, other, otherToken)),
    });
  }
  return pairs;
}

function faultsOf({ request, probe, ofVictim, ofMissing }: Pair, victim: Victim): unknown[] {
  // A response may repeat values of its request, but not the identity that they belong to.
  const hidden = probe.differs === undefined ? [] : [victim.identityId, victim.subject];
  const repeated = JSON.stringify(probe.body ?? '');
  const shown = [...victim.secrets, ...hidden].filter(
    (secret) => ofVictim.text.includes(secret) && !repeated.includes(secret),
  );
  const faults: unknown[] = shown.length > 0 ? [[request, 'shows', shown]] : [];
  if (ofVictim.status >= 500) faults.push([request, ofVictim]);
  const [seen, expected] = [ofVictim, ofMissing].map((answer) => answer && visible(answer, probe));
  if (probe.differs === undefined && JSON.stringify(seen) !== JSON.stringify(expected))
    faults.push([request, seen, expected]);
  return faults;
}

/** The victim's mappings as they are stored, and the number of calls to ACS about them. */
async function stateOf({ tenant, communicationUserId }: PersonData): Promise<unknown> {
  const [, id = ''] = communicationUserId.split('_');
  const calls = await service().emulator.control.readJournal({ service: 'acs' });
  return {
    rows: await service().rows('SELECT * FROM mapping WHERE tenant = $1 ORDER BY id', [tenant]),
    calls: calls.filter(({ path }) => path.includes(id)).length,
  };
}

/** Auditors of the home tenant may read the whole log (docs/security.md). */
function isForOperators(permission: Permission | undefined, tenant: string): boolean {
  return tenant === home && (permission ?? '').startsWith('AuditLog.');
}

describe('requests to every route for the data of another tenant', () => {
  it('cover each route of the application', () => {
    const names = routes.map(({ method, path }) => `${method} ${path}`);
    expect([...new Set(names)].toSorted()).toEqual(Object.keys(tenantProbes).toSorted());
  });

  it.each([
    ['the second tenant', 'the home tenant', second, home],
    ['the home tenant', 'the second tenant', home, second],
  ])(
    'get callers of %s the same responses for data of %s as for missing data, and change nothing',
    { timeout: 180_000 },
    async (_stranger, _owner, from, to) => {
      const faults: unknown[] = [];
      let compared = 0;
      for (const caller of callersFrom(from)) {
        const victim = await victimOf(to);
        const missing = missingOf(victim);
        const before = await stateOf(victim);
        for (const route of walk()) {
          if (isForOperators(route.permission, from)) continue;
          for (const pair of await sendProbes(route, caller, victim, missing)) {
            compared += 1;
            faults.push(...faultsOf(pair, victim));
          }
        }
        expect(await stateOf(victim)).toEqual(before);
      }
      expect(faults).toEqual([]);
      expect(compared).toBeGreaterThan(from === home ? 50 : 90);
    },
  );
});
