import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { settingsFrom } from './testing/settings.js';
import { ALICE, TENANT } from './testing/test-issuer.js';

const issuer = { issuer: 'https://id.example.test', audiences: ['a'], tenant: 'customers' };

function trusting(...issuers: object[]): Record<string, string> {
  return { TRUSTED_ISSUERS: JSON.stringify(issuers) };
}

const folder = mkdtempSync(join(tmpdir(), 'authentication-settings-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const containerApp = {
  ...{ AUTHENTICATION_MODE: 'container-apps', CONTAINER_APP_NAME: 'acs', ENTRA_AUTHORITY: '' },
};

/** A container app whose people sign in with a provider, or with Entra for `aad`. */
function signingInWith(provider: string, tenant = 'customers'): Record<string, string> {
  const path = join(folder, `${provider}-${tenant}.json`);
  const permissions = { client: ['CommunicationToken.Issue'] };
  const entry = { provider, ...(provider !== 'aad' && { tenant }), permissions };
  writeFileSync(path, JSON.stringify([entry]));
  return { ...containerApp, AUTHENTICATION_PROVIDERS_FILE: path };
}

describe('authenticationSettings', () => {
  it('requires Entra’s tenant and audience unless another issuer is trusted', () => {
    const none = { ENTRA_TENANT_ID: '', ENTRA_AUDIENCE: '', ENTRA_AUTHORITY: '' };
    expect(() => settingsFrom(none)).toThrow(/ENTRA_TENANT_ID[^]*ENTRA_AUDIENCE/);
    expect(settingsFrom({ ...none, ...trusting(issuer) }).entra).toBeUndefined();
  });

  it('refuses app-service mode outside App Service unless the override is set', () => {
    const mode = { AUTHENTICATION_MODE: 'app-service', ENTRA_AUTHORITY: '' };
    expect(() => settingsFrom(mode)).toThrow(/AUTHENTICATION_MODE/);
    expect(() => settingsFrom({ ...mode, WEBSITE_AUTH_ENABLED: 'True' })).toThrow();
    expect(() => settingsFrom({ ...mode, AUTHENTICATION_APP_SERVICE_OVERRIDE: 'true' })).toThrow();
    const appService = { WEBSITE_AUTH_ENABLED: 'True', WEBSITE_INSTANCE_ID: 'i1' };
    expect(settingsFrom({ ...mode, ...appService }).mode).toBe('app-service');
    const override = 'anyone-who-reaches-this-process-may-claim-to-be-anyone';
    expect(settingsFrom({ ...mode, AUTHENTICATION_APP_SERVICE_OVERRIDE: override }).mode).toBe(
      'app-service',
    );
  });

  it('refuses container-apps mode outside Container Apps unless the override is set', () => {
    expect(settingsFrom(containerApp).mode).toBe('container-apps');
    const elsewhere = { ...containerApp, CONTAINER_APP_NAME: '' };
    expect(() => settingsFrom(elsewhere)).toThrow(/CONTAINER_APP_NAME is not set/);
    const override = 'anyone-who-reaches-this-process-may-claim-to-be-anyone';
    const tested = { ...elsewhere, AUTHENTICATION_APP_SERVICE_OVERRIDE: override };
    expect(settingsFrom(tested).mode).toBe('container-apps');
  });

  it('names the mode of Container Apps where app-service mode is set there', () => {
    const wrong = { ...containerApp, AUTHENTICATION_MODE: 'app-service' };
    expect(() => settingsFrom(wrong)).toThrow(/in Azure Container Apps, set container-apps/);
  });

  it('requires Entra’s tenant and audience unless people sign in with other providers only', () => {
    const none = { ENTRA_TENANT_ID: '', ENTRA_AUDIENCE: '' };
    expect(settingsFrom({ ...signingInWith('google'), ...none }).entra).toBeUndefined();
    for (const environment of [containerApp, signingInWith('aad')])
      expect(() => settingsFrom({ ...environment, ...none })).toThrow(
        /ENTRA_TENANT_ID[^]*ENTRA_AUDIENCE/,
      );
    expect(() => settingsFrom({ ...signingInWith('google'), ENTRA_AUDIENCE: '' })).toThrow(
      /ENTRA_AUDIENCE/,
    );
  });

  it.each([
    ['of Entra', {}, TENANT.toUpperCase()],
    ['of Entra, one of several', { ENTRA_ALLOWED_TENANT_IDS: ALICE }, ALICE],
    ['of a trusted issuer', trusting(issuer), 'Customers'],
  ])('refuses a provider with the tenant %s', (_whose, environment, tenant) => {
    expect(() => settingsFrom({ ...signingInWith('google', tenant), ...environment })).toThrow(
      /AUTHENTICATION_PROVIDERS_FILE: the tenant .* choose another one/,
    );
  });

  it('refuses a file of providers in bearer mode, where it has no effect', () => {
    const { AUTHENTICATION_PROVIDERS_FILE = '' } = signingInWith('google');
    expect(() => settingsFrom({ AUTHENTICATION_PROVIDERS_FILE })).toThrow(
      /AUTHENTICATION_PROVIDERS_FILE: has no effect in bearer mode/,
    );
  });

  it.each([
    ['ENTRA_AUTHORITY', 'https://login.microsoftonline.us'],
    ['ENTRA_TOKEN_VERSIONS', '1.0'],
    ['ENTRA_MINIMUM_CLIENT_AUTHENTICATION', 'secret'],
    ['ENTRA_REQUIRED_AUTHENTICATION_CONTEXT', 'c1'],
    ['TRUSTED_ISSUERS', '[]'],
    ['AUTHENTICATION_CLOCK_SKEW_SECONDS', '0'],
    ['AUTHENTICATION_METADATA_TIMEOUT_MS', '1000'],
    ['AUTHENTICATION_KEYS_REFRESH_MINUTES', '1'],
    ['AUTHENTICATION_KEYS_MAX_AGE_MINUTES', '60'],
    ['AUTHENTICATION_KEYS_COOLDOWN_SECONDS', '1'],
  ])('refuses %s in app-service mode, where it has no effect', (name, value) => {
    const appService = {
      ...{ AUTHENTICATION_MODE: 'app-service', ENTRA_AUTHORITY: '' },
      ...{ WEBSITE_AUTH_ENABLED: 'True', WEBSITE_INSTANCE_ID: 'i1' },
    };
    expect(() => settingsFrom({ ...appService, [name]: value })).toThrow(
      new RegExp(`${name}.* has no effect in app-service mode`),
    );
    expect(() => settingsFrom({ [name]: value })).not.toThrow();
  });

  it('says why the file of issuers can not be read', () => {
    const missing = { TRUSTED_ISSUERS: join(folder, 'missing.json') };
    expect(() => settingsFrom(missing)).toThrow(/TRUSTED_ISSUERS: .*it can not be read \(ENOENT\)/);
  });

  it('refuses the override in bearer mode', () => {
    const override = 'anyone-who-reaches-this-process-may-claim-to-be-anyone';
    expect(() => settingsFrom({ AUTHENTICATION_APP_SERVICE_OVERRIDE: override })).toThrow(
      /no effect in bearer mode/,
    );
  });

  it('has every GUID in lower case, however it is written', () => {
    const GUID = 'ABCDEF01-ABCD-4ABC-8ABC-ABCDEFABCDEF';
    const settings = settingsFrom({
      ENTRA_TENANT_ID: GUID,
      ENTRA_ALLOWED_TENANT_IDS: GUID.replace('A', 'B'),
      ENTRA_AUDIENCE: GUID,
      ENTRA_ALLOWED_CLIENT_APPS: GUID,
      ENTRA_BOT_CLIENT_APPS: GUID,
      ...trusting(
        { ...issuer, audiences: [GUID], clientApps: [GUID], botClientApps: [GUID] },
        {
          profile: 'entra',
          tenants: [GUID.replace('A', 'C')],
          audiences: [GUID],
          clientApps: [GUID],
          botClientApps: [GUID],
        },
        {
          ...issuer,
          issuer: 'https://other.example.test',
          tenant: { claim: 'org', allowed: [GUID.replace('A', 'D')] },
        },
      ),
    });
    const read = JSON.stringify([settings.entra, settings.trustedIssuers]);
    expect(read).toMatch(/bbcdef01/);
    expect(read).not.toMatch(/[0-9A-F]{8}-ABCD/);
  });

  it.each<[string, Record<string, string>]>([
    ['a tenant that is not a GUID', { ENTRA_TENANT_ID: 'contoso' }],
    ['an empty audience', { ENTRA_AUDIENCE: ' , ' }],
    ['an unknown version', { ENTRA_TOKEN_VERSIONS: '2.0,3.0' }],
    ['an authority over http', { ENTRA_AUTHORITY: 'http://login.test' }],
    ['an invalid authentication context', { ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'c100' }],
    [
      'an authentication context for an unknown permission',
      { ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'AuditLog.Read.Al=c1' },
    ],
    [
      'an authentication context in app-service mode',
      { ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'c1', AUTHENTICATION_MODE: 'app-service' },
    ],
    ['an alias that is a permission', { ENTRA_ISSUE_SCOPE_ALIASES: 'AuditLog.Read.All' }],
    ['an alias that is no scope', { ENTRA_ISSUE_SCOPE_ALIASES: 'api://a/access as' }],
    ['a proxy that is not a network', { TRUSTED_PROXIES: '10.0.0.0/33' }],
    ['a header that has no such name', { CLIENT_ADDRESS_HEADER: 'client ip' }],
    ['issuers that are not JSON', { TRUSTED_ISSUERS: '[{' }],
    ['a missing file', { TRUSTED_ISSUERS: '/nowhere/issuers.json' }],
    ['an issuer with an unknown member', trusting({ ...issuer, audience: 'a' })],
    [
      'a claim about persons that is not among those that are read',
      trusting({ ...issuer, permissions: { claims: ['scope'], personClaims: ['roles'] } }),
    ],
    ['an issuer over http', trusting({ ...issuer, issuer: 'http://id.example.test' })],
    ['an issuer without audiences', trusting({ ...issuer, audiences: [] })],
    ['an issuer listed twice', trusting(issuer, { ...issuer, tenant: 'others' })],
    ['an issuer for Entra’s tenant', trusting({ ...issuer, tenant: TENANT })],
    [
      'an issuer for Entra’s tenant in capitals',
      trusting({ ...issuer, tenant: TENANT.toUpperCase() }),
    ],
    [
      'an issuer that may name Entra’s tenant in capitals',
      trusting({ ...issuer, tenant: { claim: 'org', allowed: ['a', TENANT.toUpperCase()] } }),
    ],
    [
      'an Entra issuer for Entra’s tenant in capitals',
      trusting({ profile: 'entra', tenants: [TENANT.toUpperCase()], audiences: ['a'] }),
    ],
    [
      'two issuers whose tenants differ in case only',
      trusting(issuer, {
        ...issuer,
        issuer: 'https://other.example.test',
        tenant: 'Customers',
      }),
    ],
    [
      'two issuers for one tenant',
      trusting(issuer, { ...issuer, issuer: 'https://other.example.test' }),
    ],
  ])('refuses %s', (_case, environment) => {
    expect(() => settingsFrom(environment)).toThrow(Object.keys(environment)[0] ?? '');
  });
});
