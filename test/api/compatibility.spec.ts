import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { ALL_ROUTES, routesOf } from '../security/routes.js';
import { IdentitiesApi } from '../support/identities-api.js';
import { runningService } from '../support/running-service.js';

/**
 * The requests of Microsoft's samples as their published clients send them, and what these read of the
 * answers: communication-services-authentication-hero (MinimalClient), -web-calling-hero, -web-chat-hero,
 * -web-calling-tutorial, -ios-calling-hero, -android-calling-hero and -javascript-quickstarts.
 */
const PAGE = 'http://localhost:3000';

const service = runningService({
  environment: {
    ...ALL_ROUTES,
    ENTRA_ISSUE_SCOPE_ALIASES: 'access_as_user',
    ALLOWED_ORIGINS: PAGE,
  },
});
const api = new IdentitiesApi(service);

interface Client {
  readonly oid: string;
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
}

interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Body | undefined;
}

/** What the clients read. */
interface Body {
  readonly acsUserIdentity?: string;
  readonly token?: string;
  readonly expiresOn?: string;
  readonly user?: { readonly id: string; readonly communicationUserId: string };
  readonly userId?: { readonly communicationUserId: string };
  readonly communicationUserToken?: { readonly token: string };
  /** Of a problem. */
  readonly type?: string;
}

/** A page of another origin, whose person has the delegated scope that the samples register. */
async function newClient(claims: Record<string, unknown> = {}): Promise<Client> {
  const oid = randomUUID();
  const token = await service().emulator.control.mintToken({
    person: 'alice',
    claims: { oid, scp: 'access_as_user', ...claims },
  });
  service().scanner.forbid(token);
  return {
    oid,
    async send(method, path, { headers = {}, body } = {}) {
      const response = await fetch(new URL(path, service().url), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          origin: PAGE,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      expect(response.headers.get('cache-control'), path).toBe('no-store');
      const json = text === '' ? undefined : (JSON.parse(text) as Body);
      const issued = json?.token ?? json?.communicationUserToken?.token;
      if (issued !== undefined) service().scanner.forbid(issued);
      return { status: response.status, headers: response.headers, json };
    },
  };
}

async function scopesOf(token = ''): Promise<readonly string[]> {
  return (await service().emulator.control.validateAcsToken(token)).scopes ?? [];
}

function problemOf({ status, json }: Pick<Answer, 'status' | 'json'>): string {
  return `${status} ${json?.type?.split(':').at(-1) ?? ''}`;
}

describe('the client of the Authentication Hero', () => {
  let client: Client;
  beforeAll(async () => {
    client = await newClient();
  });

  it('may send its header from its own origin', async () => {
    const response = await fetch(`${service().url}/api/token/teams`, {
      method: 'OPTIONS',
      headers: {
        origin: PAGE,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,teams-user-aad-token',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(PAGE);
    expect(response.headers.get('access-control-allow-headers')).toContain('teams-user-aad-token');
    expect(response.headers.get('access-control-allow-methods')).toBe('DELETE, GET, POST');
  });

  it('creates the user once, then finds it, and gets tokens of it', async () => {
    expect(problemOf(await client.send('GET', '/api/user'))).toBe('404 mapping-not-found');
    expect(problemOf(await client.send('GET', '/api/token'))).toBe('404 mapping-not-found');
    const created = await client.send('POST', '/api/user');
    expect(created.status).toBe(201);
    expect(created.headers.get('access-control-allow-origin')).toBe(PAGE);
    const acsUserIdentity = created.json?.acsUserIdentity;
    expect(acsUserIdentity).toMatch(/^8:acs:/);
    for (const method of ['POST', 'GET']) {
      const { status, json } = await client.send(method, '/api/user');
      expect({ status, json }).toEqual({ status: 200, json: { acsUserIdentity } });
    }
    const { status, json } = await client.send('GET', '/api/token');
    expect(status).toBe(201);
    expect(json?.user).toEqual({ id: acsUserIdentity, communicationUserId: acsUserIdentity });
    expect(Date.parse(json?.expiresOn ?? '')).toBeGreaterThan(Date.now());
    expect(await scopesOf(json?.token)).toEqual(['chat', 'voip']);
    const entries = await service().auditEntries();
    const own = entries.filter(({ target }) => target?.subject === client.oid);
    expect(own.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'identity.read denied',
      'token.issue denied',
      'identity.create success',
      'identity.read success',
      'identity.read success',
      'token.issue success',
    ]);
  });

  it('exchanges the token of a Teams user', async () => {
    const { control } = service().emulator;
    const claims = { oid: client.oid };
    const teams = await control.mintToken({ person: 'alice', resource: 'teams', claims });
    service().scanner.forbid(teams);
    for (const method of ['GET', 'POST']) {
      const headers = { 'teams-user-aad-token': teams };
      const { status, json } = await client.send(method, '/api/token/teams', { headers });
      expect(status, JSON.stringify(json)).toBe(201);
      expect(Object.keys(json ?? {})).toEqual(['token', 'expiresOn']);
    }
    expect(problemOf(await client.send('GET', '/api/token/teams'))).toBe('400 invalid-request');
    const headers = { 'teams-user-aad-token': 'undefined' };
    const refused = await client.send('GET', '/api/token/teams', { headers });
    expect(problemOf(refused)).toBe('400 invalid-request');
    const exchanged = await client.send('POST', '/exchange', { body: { accessToken: teams } });
    expect(exchanged.status).toBe(200);
    expect(exchanged.json?.token).toBeTypeOf('string');
  });

  it('deletes its user, and gets another one, but not while it is suspended', async () => {
    const first = (await client.send('POST', '/api/user')).json?.acsUserIdentity;
    const deleted = await client.send('DELETE', '/api/user');
    expect(deleted).toMatchObject({ status: 204, json: undefined });
    expect(problemOf(await client.send('DELETE', '/api/user'))).toBe('404 mapping-not-found');
    const again = await client.send('POST', '/api/user');
    expect(again.status).toBe(201);
    expect(again.json?.acsUserIdentity).not.toBe(first);
    const path = `/v1/identities?subject=${client.oid}&status=active`;
    const { items } = (await api.asAda('get', path)).body as { items: { id: string }[] };
    const body = { status: 'suspended' };
    await api.asAda('patch', `/v1/identities/${items[0]?.id ?? ''}`, { body });
    expect(problemOf(await client.send('DELETE', '/api/user'))).toBe('403 mapping-not-active');
    expect(problemOf(await client.send('GET', '/api/token'))).toBe('403 mapping-not-active');
  });
});

describe('the clients of the calling samples', () => {
  it('get a token of the scope that they name, always of the same identity, and renew it', async () => {
    const client = await newClient();
    const voip = await client.send('GET', '/token?scope=voip');
    expect(voip.status).toBe(200);
    expect(await scopesOf(voip.json?.token)).toEqual(['voip']);
    const communicationUserId = voip.json?.user?.communicationUserId ?? '';
    for (const [path, body, scopes] of [
      ['/token?scope=chat', undefined, ['chat']],
      ['/token', { scope: 'chat, voip.join' }, ['chat', 'voip.join']],
      ['/token', undefined, ['chat', 'voip']],
      [`/refreshToken/${communicationUserId}`, undefined, ['chat', 'voip']],
      [`/refreshToken/${encodeURIComponent(communicationUserId)}`, undefined, ['chat', 'voip']],
    ] as const) {
      const { status, json } = await client.send('POST', path, { body });
      expect(status, JSON.stringify(json)).toBe(200);
      expect(json?.user?.communicationUserId).toBe(communicationUserId);
      expect(await scopesOf(json?.token), path).toEqual(scopes);
    }
    const data = { communicationUserId, isJoinOnlyToken: true };
    const { json } = await client.send('POST', '/getCommunicationUserToken', { body: data });
    expect(json?.userId).toEqual({ communicationUserId });
    expect(await scopesOf(json?.communicationUserToken?.token)).toEqual(['voip.join']);
  });

  it('renew the tokens of their own identity only', async () => {
    const [client, other] = [await newClient(), await newClient()];
    const own = (await client.send('GET', '/token')).json?.user?.id ?? '';
    for (const id of [own, api.foreignId(), 'anything']) {
      const refused = [
        await other.send('POST', `/refreshToken/${id}`),
        await other.send('POST', '/getCommunicationUserToken', {
          body: { communicationUserId: id },
        }),
      ];
      expect(refused.map(problemOf)).toEqual(['403 other-identity', '403 other-identity']);
    }
    expect(problemOf(await other.send('GET', '/api/user'))).toBe('404 mapping-not-found');
  });

  it.each(['/token?scope=pstn', '/token?scope=voip,', '/token?scopes=voip', '/token?scope=VOIP'])(
    'are refused other scopes: %s',
    async (path) => {
      const client = await newClient();
      expect(problemOf(await client.send('GET', path))).toBe('400 invalid-request');
    },
  );

  it('get no anonymous tokens', async () => {
    for (const [method, path] of [
      ['GET', '/token?scope=voip'],
      ['POST', '/refreshToken/8:acs:a_b'],
      ['GET', '/mobile/token'],
      ['GET', '/api/Function'],
    ] as const) {
      const response = await fetch(`${service().url}${path}`, { method });
      expect(response.status, path).toBe(401);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
      await response.body?.cancel();
    }
  });
});

describe('every route of the samples', () => {
  const other = ['CommunicationToken.Issue.All', 'AuditLog.Read.All', 'User.Read'];

  it('is closed without a token, to other tenants and without its permission', async () => {
    const { control } = service().emulator;
    const routes = await routesOf(service(), ALL_ROUTES);
    const own = routes.filter(({ path }) => !/^\/(v1|health|metrics|access)/.test(path));
    expect(own).toHaveLength(14);
    const callers = [
      [401, undefined],
      [401, await control.mintToken({ person: 'alice', tenant: SAMPLE_TENANTS.third.id })],
      [
        403,
        await control.mintToken({
          person: 'alice',
          claims: { scp: other.join(' '), roles: other },
        }),
      ],
      [403, await control.mintToken({ app: 'crm-service', claims: { roles: other } })],
    ] as const;
    for (const { method, path, rules } of own) {
      for (const [expected, token] of callers) {
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const response = await fetch(`${service().url}${path}`, { method, headers });
        await response.body?.cancel();
        expect(response.status, `${method} ${path}`).toBe(expected);
      }
      if (rules[0]?.kind !== 'permission' || !rules[0].delegatedOnly) continue;
      const headers = { authorization: `Bearer ${await service().token('crm-service')}` };
      const response = await fetch(`${service().url}${path}`, { method, headers });
      expect(problemOf({ status: response.status, json: (await response.json()) as Body })).toBe(
        '403 insufficient-permission',
      );
    }
  });
});

describe('a HEAD request for a token', () => {
  it('issues none', async () => {
    const client = await newClient();
    await client.send('POST', '/api/user');
    for (const path of ['/api/token', '/token', '/mobile/token', '/api/Function']) {
      expect((await client.send('HEAD', path)).status, path).toBe(404);
    }
    const entries = await service().auditEntries();
    const own = entries.filter(({ target }) => target?.subject === client.oid);
    expect(own.map(({ action }) => action)).toEqual(['identity.create']);
  });
});

describe('the clients of the mobile and the Functions samples', () => {
  it.each([
    ['GET', '/mobile/token'],
    ['GET', '/api/Function'],
    ['POST', '/api/Function'],
  ])('read the token of the answer: %s %s', async (method, path) => {
    const client = await newClient();
    const { status, json } = await client.send(method, path);
    expect(status).toBe(200);
    expect(await scopesOf(json?.token)).toEqual(['voip']);
    expect(Date.parse(json?.expiresOn ?? '')).toBeGreaterThan(Date.now());
  });

  it('need the scope that is the alias, and have no other permission by it', async () => {
    const stranger = await newClient({ scp: 'access_as_users' });
    expect(problemOf(await stranger.send('GET', '/mobile/token'))).toBe(
      '403 insufficient-permission',
    );
    const client = await newClient({ roles: ['CommunicationIdentity.Read.All'] });
    expect(problemOf(await client.send('GET', '/v1/identities'))).toBe(
      '403 insufficient-permission',
    );
  });
});
