import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { COMMAND_LINE_VARIABLES, serviceSettings } from '#libs/composition';
import {
  Database,
  dataSourceOptions,
  parseDatabaseAddress,
  type PasswordSource,
  PinoLogger,
  readSettings,
  SystemClock,
} from '#libs/platform';
import {
  azureCredentialSettings,
  type AzureCredentialSettings,
  databaseCredentialSettings,
  type DatabaseCredentialSettings,
  KeyVaultReader,
  KeyVaultSecretStore,
  type KeyVaultSettings,
  keyVaultSettings,
  SecretAccessEvents,
  SdkAzureCredential,
  SettingsDatabaseCredential,
} from '#libs/secrets';
import { outboundHttp } from './outbound.js';

/** Longer than any statement of a verification takes. */
const TIMEOUT_MS = 120_000;

/** @throws unless the text is the address of a PostgreSQL database */
export function requirePostgresUrl(text: string): string {
  try {
    parseDatabaseAddress(text);
    return text;
  } catch (error) {
    const example = 'postgres://user:password@host:5432/database';
    throw new Error(`--database-url ${(error as Error).message}. It is like ${example}.`); // of `InvalidDatabaseAddress`
  }
}

/** The environment for commands that work as the role that owns the schema. */
export function ownerEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DATABASE_PASSWORD_FILE: process.env.DATABASE_OWNER_PASSWORD_FILE,
    DATABASE_PASSWORD_SECRET: undefined,
  };
}

/**
 * Signs in as the api does, by `DATABASE_AUTH` and `DATABASE_PASSWORD_FILE`.
 *
 * @throws InvalidSettings
 */
export function databaseCredential(environment = process.env): PasswordSource | undefined {
  const others = serviceSettings.flatMap(({ variables }) => variables.map(({ name }) => name));
  const values = readSettings([databaseCredentialSettings, azureCredentialSettings], environment, [
    ...others,
    ...COMMAND_LINE_VARIABLES,
  ]);
  // The schemas of these settings made the values with these keys.
  const settings = values.get(databaseCredentialSettings.key) as DatabaseCredentialSettings;
  const azure = values.get(azureCredentialSettings.key) as AzureCredentialSettings;
  const outbound = outboundHttp(environment);
  const credential = new SdkAzureCredential(azure, outbound);
  const clock = new SystemClock();
  const logger = new PinoLogger('silent');
  // Only where the password is a secret, the vault has to be configured.
  const vault = (): KeyVaultSecretStore => {
    const vaultSettings = readSettings([keyVaultSettings], environment, [
      ...others,
      ...COMMAND_LINE_VARIABLES,
    ]).get(keyVaultSettings.key) as KeyVaultSettings; // read by its own schema
    const reader = new KeyVaultReader(vaultSettings, credential, outbound, clock, new Registry());
    return new KeyVaultSecretStore(reader, vaultSettings, clock, logger, new SecretAccessEvents());
  };
  const secrets = settings.passwordSecret === undefined ? undefined : vault();
  return new SettingsDatabaseCredential(settings, credential, secrets, logger).source;
}

/**
 * Opens a database without the service's settings, for commands that only read.
 *
 * @param timeoutMs of a statement
 */
export async function withDatabase<T>(
  url: string,
  work: (database: Database) => Promise<T>,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const credential = databaseCredential();
  const options = { url: requirePostgresUrl(url), credential, poolSize: 2, timeoutMs };
  const dataSource = new DataSource(dataSourceOptions({ ...options, allowsStandby: true }));
  try {
    return await work(new Database(dataSource));
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
