import { readSettings } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';
import { AUDIENCE, TENANT } from './test-issuer.js';

/** Settings from an environment, on top of a valid one. */
export function settingsFrom(environment: Record<string, string> = {}): AuthenticationSettings {
  const values = readSettings([authenticationSettings], {
    ENTRA_TENANT_ID: TENANT,
    ENTRA_AUDIENCE: AUDIENCE,
    ENTRA_AUTHORITY: 'https://login.test',
    ...environment,
  });
  return values.get(authenticationSettings.key) as AuthenticationSettings; // validated by this schema
}
