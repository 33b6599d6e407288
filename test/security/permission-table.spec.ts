import { beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS, type RouteAccess } from '#libs/authentication';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { runningService } from '../support/running-service.js';
import { CLIENT_EXCHANGE_ROUTES, EXCHANGE_APIS, routesOf } from './routes.js';

const UNKNOWN_ID = '01980000-0000-7000-8000-000000000000';

const service = runningService({
  environment: {
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
    ...CLIENT_EXCHANGE_ROUTES,
    VISITOR_KEY_SECRET: 'invitation-key',
    // On a busy machine a denial must not end as an outage.
    AUDIT_TIMEOUT_MS: '30000',
  },
});
let routes: readonly RouteAccess[];

beforeAll(async () => {
  routes = await routesOf(service(), {
    ...CLIENT_EXCHANGE_ROUTES,
    VISITOR_KEY_SECRET: 'invitation-key',
  });
});

/** Where a token names the permission. A delegated token always has another scope and role as well. */
const HOLDERS = ['client', 'person', 'both', 'application'] as const;

interface Caller {
  readonly holder: (typeof HOLDERS)[number];
  readonly permission: string | undefined;
  readonly tenant: string;
}

const tenants = [SAMPLE_TENANTS.home.id, SAMPLE_TENANTS.second.id];
const callers: readonly Caller[] = tenants.flatMap((tenant) =>
  [...PERMISSIONS, undefined].flatMap((permission) =>
    HOLDERS.map((holder) => ({ holder, permission, tenant })),
  ),
);

async function tokenOf({ holder, permission, tenant }: Caller): Promise<string> {
  const names = [...(permission === undefined ? [] : [permission]), 'User.Read'];
  const none = ['User.Read'];
  return service().emulator.control.mintToken(
    holder === 'application'
      ? { app: 'crm-service', tenant, claims: { idtyp: 'app', roles: names } }
      : {
          person: 'alice',
          tenant,
          claims: {
            scp: (holder === 'person' ? none : names).join(' '),
            roles: holder === 'client' ? none : names,
          },
        },
  );
}

interface Answer {
  readonly status: number;
  readonly problem: string | undefined;
}

async function call({ method, path }: RouteAccess, token?: string): Promise<Answer> {
  const concrete = path
    .replace('::', ':')
    .replace(/:(?:id|tenantId|objectId)\b/g, UNKNOWN_ID)
    .replace(/\*.*$/, '0/000')
    // A stream does not end: callers who may open it get 400.
    .replace(/follow$/, 'follow?order=ascending');
  const hasBody = ['POST', 'PATCH', 'PUT'].includes(method);
  const answer = await fetch(`${service().url}${concrete}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(hasBody && { 'content-type': 'application/json' }),
    },
    ...(hasBody && { body: '{}' }),
  });
  const text = await answer.text();
  const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json');
  const problem = isProblem === true ? (JSON.parse(text) as { type: string }).type : undefined;
  return { status: answer.status, problem: problem?.split(':').at(-1) };
}

/**
 * Whether the route's rule allows the caller: the client may, and the person may act on others. No token for
 * this service opens an exchange.
 */
function isOpenTo({ rules: [rule] }: RouteAccess, { holder, permission }: Caller): boolean {
  if (rule?.kind === 'client-exchange') return false;
  if (rule?.kind !== 'permission') return rule !== undefined;
  if (rule.permission !== permission) return false;
  if (holder === 'application') return !rule.delegatedOnly;
  return holder === 'both' || (holder === 'client' && permission === 'CommunicationToken.Issue');
}

describe('the table of permissions, routes and tenants', () => {
  it('is checked on a ready service', async () => {
    const isReady = async (): Promise<boolean> => (await fetch(`${service().url}/health/ready`)).ok;
    await expect.poll(isReady).toBe(true);
  });

  it('has routes for every permission', () => {
    const used = routes.flatMap(({ rules }) =>
      rules.flatMap((rule) => (rule.kind === 'permission' ? [rule.permission] : [])),
    );
    expect(new Set(used)).toEqual(new Set(PERMISSIONS));
  });

  it(
    'opens each route to the permission that it declares and to no other',
    { timeout: 180_000 },
    async () => {
      const wrong: unknown[] = [];
      for (const caller of callers) {
        const token = await tokenOf(caller);
        for (const route of routes) {
          const { status, problem } = await call(route, token);
          const isRefused = status === 401 || problem === 'insufficient-permission';
          const cell = `${route.method} ${route.path} for ${JSON.stringify(caller)}`;
          if (isRefused === isOpenTo(route, caller)) wrong.push([cell, status, problem]);
        }
      }
      expect(wrong).toEqual([]);
    },
  );

  it('opens an exchange to tokens for its own API with its scope, and nothing else to them', async () => {
    for (const [exchange, resource] of Object.entries(EXCHANGE_APIS)) {
      for (const scp of [undefined, 'User.Read AuditLog.Read.All']) {
        const token = await service().emulator.control.mintToken({
          ...{ person: 'alice', resource },
          claims: { ...(scp !== undefined && { scp, roles: scp.split(' ') }) },
        });
        for (const route of routes) {
          const [rule] = route.rules;
          const { status, problem } = await call(route, token);
          const name = `${route.method} ${route.path} for ${exchange} with ${scp ?? 'its scope'}`;
          const isOwn = rule?.kind === 'client-exchange' && rule.exchange === exchange;
          if (isOwn) {
            expect(problem, name).toBe(
              scp === undefined ? 'invalid-request' : 'insufficient-permission',
            );
          } else expect(status === 401, name).toBe(rule?.kind !== 'public');
        }
      }
    }
  });

  it('closes all but public routes to calls without a token and to tenants that are not allowed', async () => {
    const otherTenant = await tokenOf({
      holder: 'both',
      permission: 'AuditLog.Read.All',
      tenant: SAMPLE_TENANTS.third.id,
    });
    for (const route of routes) {
      const isPublic = route.rules[0]?.kind === 'public';
      for (const token of [undefined, otherTenant]) {
        const { status } = await call(route, token);
        expect(status === 401, `${route.method} ${route.path}`).toBe(!isPublic);
      }
    }
  });
});
