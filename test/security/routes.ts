import { listRouteAccess, type RouteAccess } from '#libs/authentication';
import { createApi } from '../../apps/api/src/create-api.js';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import type { Service } from '../support/service.js';

/** The access rules of every route of the api, read from an instance in this process. */
export async function routesOf({ emulator, database }: Service): Promise<readonly RouteAccess[]> {
  const app = await createApi({
    ...apiEnvironment(emulator, database.serviceUrl),
    LOG_LEVEL: 'silent',
    PORT: '0',
    AUDIT_CHECKPOINT_FILE: '',
  });
  try {
    return listRouteAccess(app);
  } finally {
    await app.close();
  }
}
