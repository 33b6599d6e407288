import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { listRouteAccess } from '#libs/authentication';
import { placeholderEnvironment } from '../../../../scripts/placeholder-environment.js';
import { createApi } from '../create-api.js';
import { browserAccessOf } from '../http/open-to-browsers.js';
import { openApiDocument } from '../operations/openapi-document.js';

/** The routes that each name adds. */
const ROUTES: Readonly<Record<string, readonly string[]>> = {
  'auth-hero': [
    'DELETE /api/user',
    'GET /api/token',
    'GET /api/token/teams',
    'GET /api/user',
    'POST /api/token/teams',
    'POST /api/user',
  ],
  'calling-sample': [
    'GET /token',
    'POST /getCommunicationUserToken',
    'POST /refreshToken/:id',
    'POST /token',
  ],
  mobile: ['GET /mobile/token'],
  'functions-sample': ['GET /api/Function', 'POST /api/Function', 'POST /exchange'],
};
const ALL = Object.keys(ROUTES).join(',');

type App = Awaited<ReturnType<typeof createApi>>;

async function inspect<T>(COMPATIBILITY: string, read: (app: App) => T): Promise<T> {
  const app = await createApi({ ...placeholderEnvironment, COMPATIBILITY });
  try {
    return read(app);
  } finally {
    await app.close();
  }
}

async function routesWith(compatibility: string): Promise<string[]> {
  return inspect(compatibility, (app) =>
    listRouteAccess(app)
      .map(({ method, path }) => `${method} ${path}`)
      .filter((route) => !/ \/(v1|health|metrics)\b/.test(route))
      .sort(),
  );
}

describe('COMPATIBILITY', () => {
  it('is off by default, and each name adds its routes only', async () => {
    expect(await routesWith('')).toEqual([]);
    for (const [name, routes] of Object.entries(ROUTES)) {
      expect(await routesWith(name), name).toEqual(routes);
    }
  });

  it.each(['auth-heroes', 'all', 'auth-hero;mobile', 'AUTH-HERO'])(
    'refuses an unknown name at the start: %s',
    async (names) => {
      await expect(routesWith(names)).rejects.toThrow(
        /COMPATIBILITY: must hold names of auth-hero, calling-sample, mobile, functions-sample/,
      );
    },
  );

  it('adds routes that take the permission of callers, and are open to allowed pages', async () => {
    const { access, browsers } = await inspect(ALL, (app) => ({
      access: listRouteAccess(app).filter(({ path }) => !/^\/(v1|health|metrics)/.test(path)),
      browsers: browserAccessOf(app),
    }));
    expect(access).toHaveLength(Object.values(ROUTES).flat().length);
    for (const { path, rules } of access) {
      const rule = { kind: 'permission', permission: 'CommunicationToken.Issue' };
      expect(rules, path).toMatchObject([rule]);
    }
    expect(browsers.prefixes).toEqual(
      expect.arrayContaining(['/api/user', '/api/token', '/token', '/refreshToken', '/exchange']),
    );
    expect(browsers.requestHeaders).toEqual(['teams-user-aad-token']);
  });

  it('lets no page of another site have a token issued by a GET with a cookie', async () => {
    const access = await inspect(ALL, listRouteAccess);
    const reads = /^\/(v1|health|metrics)|^\/api\/user$/;
    const issuing = access.filter(({ method, path }) => method === 'GET' && !reads.test(path));
    expect(issuing.map(({ path }) => path).sort()).toEqual(
      ['/api/Function', '/api/token', '/api/token/teams', '/mobile/token', '/token'].sort(),
    );
    for (const { path, rules } of issuing)
      expect(rules, path).toMatchObject([{ changesState: true }]);
  });

  it('documents its routes at /openapi.json', async () => {
    const document = await inspect(ALL, openApiDocument);
    const { valid, errors } = await new Validator().validate({ ...document });
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map((operation: { operationId?: string }) => operation.operationId),
    );
    expect(ids.filter((id, nth) => ids.indexOf(id) !== nth)).toEqual([]);
    expect(ids).toContain('heroToken.exchangeByPost');
  });
});
