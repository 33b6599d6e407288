import { describe, expect, it } from 'vitest';
import { listRouteAccess } from '#libs/authentication';
import { placeholderEnvironment } from '../../../../scripts/placeholder-environment.js';
import { createApi } from '../create-api.js';
import { browserAccessOf } from '../http/open-to-browsers.js';

async function accessWith(environment: Readonly<Record<string, string>>) {
  const app = await createApi({ ...placeholderEnvironment, ...environment });
  try {
    const routes = listRouteAccess(app).filter(({ path }) => path.startsWith('/access/'));
    const { prefixes } = browserAccessOf(app);
    return { routes, prefixes: prefixes.filter((prefix) => prefix.startsWith('/access/')) };
  } finally {
    await app.close();
  }
}

describe('CLIENT_EXCHANGES', () => {
  it('is empty by default, and each name adds its route, which allowed pages may call', async () => {
    expect(await accessWith({})).toEqual({ routes: [], prefixes: [] });
    for (const [exchange, prefix] of [
      ['teams-extension', '/access/teamsExtension'],
      ['entra', '/access/entra'],
    ] as const) {
      const { routes, prefixes } = await accessWith({ CLIENT_EXCHANGES: exchange });
      expect(routes).toMatchObject([
        {
          method: 'POST',
          path: `${prefix}/::exchangeAccessToken`,
          rules: [{ kind: 'client-exchange', exchange }],
        },
      ]);
      expect(prefixes).toEqual([prefix]);
    }
  });

  it.each<[string, Record<string, string>, string]>([
    ['another name', { CLIENT_EXCHANGES: 'teams' }, 'must hold names of teams-extension, entra'],
    [
      'a platform that verifies tokens itself',
      {
        CLIENT_EXCHANGES: 'entra',
        AUTHENTICATION_MODE: 'container-apps',
        CONTAINER_APP_NAME: 'app',
      },
      'has no effect in container-apps mode',
    ],
    [
      'no issuer of Entra',
      {
        CLIENT_EXCHANGES: 'entra',
        ENTRA_TENANT_ID: '',
        ENTRA_AUDIENCE: '',
        TRUSTED_ISSUERS:
          '[{"issuer":"https://issuer.example","audiences":["api"],"tenant":"contoso"}]',
      },
      'needs ENTRA_TENANT_ID, or an Entra issuer in TRUSTED_ISSUERS',
    ],
  ])('prevents a start with %s', async (_what, environment, message) => {
    await expect(accessWith(environment)).rejects.toThrow(`CLIENT_EXCHANGES: ${message}`);
  });
});
