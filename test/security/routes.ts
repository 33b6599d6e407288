import { type ClientExchange, listRouteAccess, type RouteAccess } from '#libs/authentication';
import { SAMPLES } from '#libs/composition';
import { createApi } from '../../apps/api/src/create-api.js';
import type { MintRequest } from '../../apps/emulator/src/index.js';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import type { Service } from '../support/service.js';

/** Adds the exchanges of Microsoft's client library. */
export const CLIENT_EXCHANGE_ROUTES = { CLIENT_EXCHANGES: 'teams-extension,entra' } as const;

/** The APIs of the emulator for which the exchanges take tokens. */
export const EXCHANGE_APIS: Readonly<Record<ClientExchange, NonNullable<MintRequest['resource']>>> =
  {
    'teams-extension': 'teams',
    entra: 'communication-clients',
  };

/** Adds every route that a setting can add. */
export const ALL_ROUTES = {
  COMPATIBILITY: SAMPLES.join(','),
  ...CLIENT_EXCHANGE_ROUTES,
  VISITOR_KEY_SECRET: 'invitation-key',
} as const;

/**
 * The access rules of every route of the api, read from an instance in this process.
 *
 * @param environment variables of the service that decide on its routes
 */
export async function routesOf(
  { emulator, database }: Service,
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly RouteAccess[]> {
  const app = await createApi({
    ...apiEnvironment(emulator, database.serviceUrl),
    LOG_LEVEL: 'silent',
    PORT: '0',
    AUDIT_CHECKPOINT_FILE: '',
    ...environment,
  });
  try {
    return listRouteAccess(app);
  } finally {
    await app.close();
  }
}
