import { auditSettings, type AuditSettings, isFitForNewLog } from '#libs/audit';
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
import { keyVaultSettings, type KeyVaultSettings } from '#libs/secrets';
import { httpSettings, type HttpSettings } from '../http-settings.js';
import type { Advice } from './advice.js';
import {
  adviceOnClientAddress,
  adviceOnHomeTenant,
  adviceOnPlatformAuthentication,
} from './authentication-advice.js';
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
  const keyVault = values.get(keyVaultSettings.key) as KeyVaultSettings | undefined;
  return [
    ...(platform ? adviceOnPlatform(platform) : []),
    ...(database ? adviceOnDatabase(database) : []),
    ...(audit
      ? [...adviceOnOrigin(audit), ...adviceOnVerification(audit), ...adviceOnReading(audit)]
      : []),
    ...(telemetry ? adviceOnTelemetry(telemetry) : []),
    ...(authentication && http ? adviceOnClientAddress(authentication, http) : []),
    ...(authentication ? adviceOnPlatformAuthentication(authentication) : []),
    ...(keyVault ? adviceOnKeyVault(keyVault) : []),
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
  const fix = 'add sslmode=verify-full, and sslrootcert with the file of its CA';
  if (remote !== undefined)
    return [
      {
        code: 'database-not-encrypted',
        variable: 'DATABASE_URL',
        problem: `allows plain text to ${remote.host}`,
        fix,
      },
    ];
  const unverified = hosts.find(
    ({ host = '', ssl }) =>
      !isLoopbackHost(host) && typeof ssl === 'object' && ssl.rejectUnauthorized === false,
  );
  if (unverified === undefined) return [];
  return [
    {
      code: 'protection-off',
      variable: 'DATABASE_URL',
      problem: `accepts any certificate of ${unverified.host}`,
      fix,
    },
  ];
}

function adviceOnVerification({ verificationMs }: AuditSettings): Advice[] {
  if (verificationMs > 0) return [];
  return [
    {
      code: 'protection-off',
      variable: 'AUDIT_VERIFICATION_SECONDS',
      problem: 'is 0, so that changes made in the database are not looked for',
      fix: 'leave it out, or set how soon they are to be found',
    },
  ];
}

/** The vault of an emulator is on this machine. */
function adviceOnKeyVault({ vaultUrl, verifyChallengeResource }: KeyVaultSettings): Advice[] {
  if (verifyChallengeResource || isLoopbackHost(new URL(vaultUrl).hostname)) return [];
  return [
    {
      code: 'protection-off',
      variable: 'KEY_VAULT_VERIFY_CHALLENGE_RESOURCE',
      problem: 'is false, so that a server that answers as the vault decides whose token it gets',
      fix: 'leave it out: it is for emulators only',
    },
  ];
}

/** Verifiers compare the origin as text, so that it can't be corrected here: the log would be another one. */
function adviceOnOrigin({ origin }: AuditSettings): Advice[] {
  if (isFitForNewLog(origin)) return [];
  if (!origin.includes('://'))
    return [
      {
        code: 'log-origin-unfit',
        variable: 'AUDIT_LOG_ORIGIN',
        problem:
          'has quotes, invisible or other characters that no host name and path have, so that no log is begun under it',
        fix: 'correct it for a new log; one that has entries keeps its origin',
      },
    ];
  return [
    {
      code: 'log-origin-with-scheme',
      variable: 'AUDIT_LOG_ORIGIN',
      problem: 'has a scheme, which the names of logs do not have',
      fix: 'leave out the scheme for a new log; one that has entries keeps its origin',
    },
  ];
}
