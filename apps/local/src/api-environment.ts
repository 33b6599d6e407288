import { dirname, join } from 'node:path';
import { type Emulator, SAMPLE_APPS } from '../../emulator/src/index.js';

/** The api's environment variables that point it at the emulator instead of Azure. */
export function apiEnvironment(
  emulator: Pick<
    Emulator,
    | 'acsResourceId'
    | 'acsUrl'
    | 'apiAudience'
    | 'caFile'
    | 'entraUrl'
    | 'keyVaultUrl'
    | 'secondTenantId'
    | 'tenantId'
  >,
  databaseUrl: string,
): Record<string, string> {
  const service = SAMPLE_APPS['identity-service'];
  return {
    DATABASE_URL: databaseUrl,
    ENTRA_AUTHORITY: emulator.entraUrl,
    ENTRA_TENANT_ID: emulator.tenantId,
    ENTRA_ALLOWED_TENANT_IDS: emulator.secondTenantId,
    ENTRA_AUDIENCE: emulator.apiAudience,
    ENTRA_BOT_CLIENT_APPS: SAMPLE_APPS['support-bot'].clientId,
    AZURE_CREDENTIAL: 'environment',
    AZURE_AUTHORITY_HOST: emulator.entraUrl,
    AZURE_TENANT_ID: emulator.tenantId,
    AZURE_CLIENT_ID: service.clientId,
    AZURE_CLIENT_SECRET: service.clientSecret ?? '',
    KEY_VAULT_URL: emulator.keyVaultUrl,
    // The emulator's host is no vault.azure.net, so the challenge's resource can't match it.
    KEY_VAULT_VERIFY_CHALLENGE_RESOURCE: 'false',
    ACS_ENDPOINT: emulator.acsUrl,
    ACS_RESOURCE_ID: emulator.acsResourceId,
    ACS_CREDENTIAL_SECRET: 'acs-connection-string',
    // The administrators of the home tenant run the local environment.
    IDENTITY_LINK_TENANTS: emulator.tenantId,
    AUDIT_LOG_ORIGIN: 'localhost/acs-identity',
    AUDIT_CHECKPOINT_FILE: join(dirname(emulator.caFile), '..', 'audit-checkpoint'),
    NODE_EXTRA_CA_CERTS: emulator.caFile,
  };
}
