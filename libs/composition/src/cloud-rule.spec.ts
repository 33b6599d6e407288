import { describe, expect, it } from 'vitest';
import { authenticationSettings, type AuthenticationSettings } from '#libs/authentication';
import {
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import {
  azureCredentialSettings,
  type AzureCredentialSettings,
  databaseCredentialSettings,
  type DatabaseCredentialSettings,
} from '#libs/secrets';
import { placeholderEnvironment } from '../../../scripts/placeholder-environment.js';
import { checkService, serviceSettings } from './settings.js';

const {
  ENTRA_AUTHORITY: _authority,
  ACS_CREDENTIAL_SECRET: _secret,
  ...base
} = placeholderEnvironment;

function check(environment: Record<string, string>) {
  const { faults, values } = checkService(serviceSettings, { ...base, ...environment });
  return { faults: faults.map(({ variable, problem }) => `${variable} ${problem}`), values };
}

describe('AZURE_CLOUD', () => {
  it.each([
    [
      undefined,
      'https://login.microsoftonline.com',
      'https://communication.azure.com//.default',
      'https://ossrdbms-aad.database.windows.net/.default',
    ],
    [
      'AzureCloud',
      'https://login.microsoftonline.com',
      'https://communication.azure.com//.default',
      'https://ossrdbms-aad.database.windows.net/.default',
    ],
    [
      'azureusgovernment',
      'https://login.microsoftonline.us',
      'https://communication.azure.us//.default',
      'https://ossrdbms-aad.database.usgovcloudapi.net/.default',
    ],
    [
      'AzureChinaCloud',
      'https://login.partner.microsoftonline.cn',
      'https://communication.azure.cn//.default',
      'https://ossrdbms-aad.database.chinacloudapi.cn/.default',
    ],
  ])('%s gives the authority %s and the scopes %s and %s', (cloud, authority, scope, database) => {
    const { faults, values } = check(cloud === undefined ? {} : { AZURE_CLOUD: cloud });
    expect(faults).toEqual([]);
    const entra = values.get(authenticationSettings.key) as AuthenticationSettings;
    const credential = values.get(azureCredentialSettings.key) as AzureCredentialSettings;
    const acs = values.get(communicationServicesSettings.key) as CommunicationServicesSettings;
    expect(entra.entra?.authority).toBe(authority);
    expect(credential.authorityHost).toBe(authority);
    expect(acs.tokenScope).toBe(scope);
    const ofDatabase = values.get(databaseCredentialSettings.key) as DatabaseCredentialSettings;
    expect(ofDatabase.entraScope).toBe(database);
  });

  it('gives way to single settings', () => {
    const { values } = check({
      AZURE_CLOUD: 'AzureUSGovernment',
      ENTRA_AUTHORITY: 'https://login.microsoftonline.com',
      ACS_TOKEN_SCOPE: 'https://other.example/.default',
      DATABASE_ENTRA_SCOPE: 'https://database.example/.default',
    });
    const entra = values.get(authenticationSettings.key) as AuthenticationSettings;
    const acs = values.get(communicationServicesSettings.key) as CommunicationServicesSettings;
    expect(entra.entra?.authority).toBe('https://login.microsoftonline.com');
    expect(acs.tokenScope).toBe('https://other.example/.default');
    const database = values.get(databaseCredentialSettings.key) as DatabaseCredentialSettings;
    expect(database.entraScope).toBe('https://database.example/.default');
  });

  it.each([
    [
      'a vault of another cloud',
      { KEY_VAULT_URL: 'https://v.vault.usgovcloudapi.net' },
      'KEY_VAULT_URL',
    ],
    ['ACS of another cloud', { ACS_ENDPOINT: 'https://r.communication.azure.us' }, 'ACS_ENDPOINT'],
    [
      'an authority of another cloud',
      { AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us' },
      'AZURE_AUTHORITY_HOST',
    ],
    [
      'public addresses in another cloud',
      { AZURE_CLOUD: 'AzureChinaCloud', KEY_VAULT_URL: 'https://v.vault.azure.net' },
      'KEY_VAULT_URL',
    ],
  ])('refuses %s', (_what, environment, variable) => {
    const { faults } = check(environment);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${variable} names .*, but AZURE_CLOUD is Azure`));
  });

  it.each([
    [
      'a whole cloud',
      {
        AZURE_CLOUD: 'AzureUSGovernment',
        KEY_VAULT_URL: 'https://v.vault.usgovcloudapi.net',
        ACS_ENDPOINT: 'https://r.communication.azure.us',
      },
    ],
    [
      'ACS of another cloud with an access key',
      { ACS_ENDPOINT: 'https://r.communication.azure.us', ACS_CREDENTIAL_SECRET: 'key' },
    ],
    ['callers of another cloud', { ENTRA_AUTHORITY: 'https://login.microsoftonline.us' }],
    ['custom domains', { KEY_VAULT_URL: 'https://vault.azure.net.contoso.com' }],
  ])('accepts %s', (_what, environment) => {
    expect(check(environment).faults).toEqual([]);
  });

  it('refuses an unknown cloud', () => {
    expect(check({ AZURE_CLOUD: 'AzureGermanCloud' }).faults).toEqual([
      'AZURE_CLOUD must be AzureCloud, AzureUSGovernment, AzureChinaCloud',
    ]);
  });
});
