import { auditSettings, type AuditSettings } from '#libs/audit';
import {
  databaseSettings,
  type DatabaseSettings,
  isLoopbackHost,
  parseDatabaseAddress,
  platformSettings,
  type PlatformSettings,
  telemetrySettings,
  type TelemetrySettings,
} from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '#libs/authentication';
import { httpSettings, type HttpSettings } from '../http-settings.js';
import type { Advice } from './advice.js';
import { adviceOnClientAddress, adviceOnHomeTenant } from './authentication-advice.js';
import { adviceOnReading, adviceOnWriting } from './checkpoint-file-advice.js';
import { adviceOnPlatform } from './platform-advice.js';
import { adviceOnSecrets } from './secret-advice.js';
import { adviceOnTelemetry } from './telemetry-advice.js';

/**
 * Finds what can be known to be wrong, and is no reason to refuse a start: an installation may run with it,
 * or it is mended while the service runs.
 *
 * @param values of settings by their keys; those that are absent are not examined
 */
export function adviceOn(values: ReadonlyMap<symbol, unknown>): readonly Advice[] {
  // The schemas of these settings made the values with these keys.
  const database = values.get(databaseSettings.key) as DatabaseSettings | undefined;
  const audit = values.get(auditSettings.key) as AuditSettings | undefined;
  const platform = values.get(platformSettings.key) as PlatformSettings | undefined;
  const telemetry = values.get(telemetrySettings.key) as TelemetrySettings | undefined;
  const http = values.get(httpSettings.key) as HttpSettings | undefined;
  const authentication = values.get(authenticationSettings.key) as
    | AuthenticationSettings
    | undefined;
  return [
    ...(platform ? adviceOnPlatform(platform) : []),
    ...(database ? adviceOnDatabase(database) : []),
    ...(audit ? [...adviceOnOrigin(audit), ...adviceOnReading(audit)] : []),
    ...(telemetry ? adviceOnTelemetry(telemetry) : []),
    ...(authentication && http ? adviceOnClientAddress(authentication, http) : []),
    ...(audit && authentication ? adviceOnHomeTenant(audit, authentication) : []),
    ...adviceOnSecrets(values),
  ];
}

/** As `adviceOn`, of what is only known when it is tried. */
export async function adviceOnTrials(values: ReadonlyMap<symbol, unknown>): Promise<Advice[]> {
  const audit = values.get(auditSettings.key) as AuditSettings | undefined; // as above
  if (!audit || adviceOnReading(audit).length > 0) return [];
  return adviceOnWriting(audit);
}

function adviceOnDatabase({ url }: DatabaseSettings): Advice[] {
  const { hosts, isTlsOptional } = parseDatabaseAddress(url);
  const remote = hosts.find(
    ({ host = '', ssl }) => !isLoopbackHost(host) && (!ssl || isTlsOptional),
  );
  if (remote === undefined) return [];
  return [
    {
      code: 'database-not-encrypted',
      variable: 'DATABASE_URL',
      problem: `allows plain text to ${remote.host}`,
      fix: 'add sslmode=verify-full, and sslrootcert with the file of its CA',
    },
  ];
}

/** Verifiers compare the origin as text, so that it can't be corrected here: the log would be another one. */
function adviceOnOrigin({ origin }: AuditSettings): Advice[] {
  if (!origin.includes('://')) return [];
  return [
    {
      code: 'log-origin-with-scheme',
      variable: 'AUDIT_LOG_ORIGIN',
      problem: 'has a scheme, which the names of logs do not have',
      fix: 'leave out the scheme for a new log; one that has entries keeps its origin',
    },
  ];
}
