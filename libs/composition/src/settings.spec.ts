import { describe, expect, it } from 'vitest';
import { placeholderEnvironment } from '../../../scripts/placeholder-environment.js';
import { checkService, serviceSettings } from './settings.js';

function adviceOn(environment: Record<string, string>): string[] {
  const check = checkService(serviceSettings, { ...placeholderEnvironment, ...environment });
  expect(check.faults).toEqual([]);
  return check.advice.map(({ code, variable, problem }) => `${code} ${variable} ${problem}`);
}

function faultsOf(environment: Record<string, string>): string[] {
  const { faults } = checkService(serviceSettings, { ...placeholderEnvironment, ...environment });
  return faults.map(({ variable, problem }) => `${variable} ${problem}`);
}

const PEM = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----';

describe('the settings of the service', () => {
  const secretNames = serviceSettings
    .flatMap(({ variables }) => variables.map(({ name }) => name))
    .filter((name) => name.endsWith('_SECRET'));

  it.each(secretNames)('refuse a key in %s, which names a secret, and do not show it', (name) => {
    for (const key of ['qK3v1S3cretFingerprintKeyValue0123456789AbCd=', PEM])
      expect(faultsOf({ [name]: key })).toEqual([
        `${name} must be the name of a secret: 1 to 127 letters, digits and hyphens`,
      ]);
  });

  it('take several secrets that sign the log', () => {
    expect(faultsOf({ AUDIT_SIGNING_KEY_SECRET: 'old-key, new-key' })).toEqual([]);
  });

  // They are recorded with the configuration, and a value that belongs elsewhere may be a secret.
  it.each([
    ['AZURE_CLIENT_ID', 'a client secret', 'must be a GUID'],
    ['AUDIT_LOG_PREVIOUS_ORIGIN', 'a b+', 'must be a name without blanks or plus signs'],
    ['HOST', 'localhost 3000', 'must be a host name or an IP address'],
    ['HOST', '[::1]', 'must be a host name or an IP address'],
    ['DATABASE_ENTRA_SCOPE', 'pass word', 'must be an https address that ends in /.default'],
    ['AUDIT_HOME_TENANT', 'x'.repeat(257), 'must have at most 256 characters'],
  ])('refuse %s=%s', (variable, value, problem) => {
    expect(faultsOf({ [variable]: value })).toEqual([`${variable} ${problem}`]);
  });

  it.each([
    ['HOST', '::'],
    ['HOST', 'fe80::1%eth0'],
    ['HOST', 'identity.internal'],
    ['AZURE_CLIENT_ID', 'B2C8D3E4-5F60-4B71-9C82-AD93BE040005'],
    ['OTEL_SERVICE_NAME', 'Identität der Contoso'],
  ])('take %s=%s', (variable, value) => {
    expect(faultsOf({ [variable]: value })).toEqual([]);
  });

  it('refuse a process that verifies no TLS server', () => {
    expect(faultsOf({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toEqual([
      'NODE_TLS_REJECT_UNAUTHORIZED must not be 0, which trusts every TLS server unverified',
    ]);
    expect(faultsOf({ NODE_TLS_REJECT_UNAUTHORIZED: '1' })).toEqual([]);
  });

  it.each([
    [
      'AUTHENTICATION_APP_SERVICE_OVERRIDE',
      {
        AUTHENTICATION_MODE: 'app-service',
        ENTRA_AUTHORITY: '',
        AUTHENTICATION_APP_SERVICE_OVERRIDE:
          'anyone-who-reaches-this-process-may-claim-to-be-anyone',
      },
    ],
    [
      'KEY_VAULT_VERIFY_CHALLENGE_RESOURCE',
      {
        KEY_VAULT_URL: 'https://contoso.vault.azure.net',
        KEY_VAULT_VERIFY_CHALLENGE_RESOURCE: 'false',
      },
    ],
    ['AUDIT_VERIFICATION_SECONDS', { AUDIT_VERIFICATION_SECONDS: '0' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://a@db.contoso.com/b?sslmode=no-verify' }],
  ])('remark that %s switches a protection off', (variable, environment) => {
    expect(adviceOn(environment)).toEqual([
      expect.stringMatching(new RegExp(`^protection-off ${variable} `)),
    ]);
  });

  it('start without telemetry, and say so, when a variable of OpenTelemetry is unusable', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel.service.k8se-apps:4317/',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    };
    expect(faultsOf(environment)).toEqual([]);
    expect(adviceOn(environment)).toEqual([
      expect.stringMatching(/^telemetry-setting-unusable OTEL_EXPORTER_OTLP_PROTOCOL .*is sent/),
    ]);
  });

  it('take an emulator of Key Vault on this machine without a remark', () => {
    expect(adviceOn({ KEY_VAULT_VERIFY_CHALLENGE_RESOURCE: 'false' })).toEqual([]);
  });

  it('name quotes and carriage returns once, of the variable that has them', () => {
    const { ENTRA_TENANT_ID = '', ENTRA_AUDIENCE = '' } = placeholderEnvironment;
    expect(
      faultsOf({
        ...{ ENTRA_TENANT_ID: `"${ENTRA_TENANT_ID}"`, ENTRA_AUDIENCE: `${ENTRA_AUDIENCE}\r` },
        ...{ NO_PROXY: '"a,b"' },
      }).sort(),
    ).toEqual([
      'ENTRA_AUDIENCE ends with a carriage return',
      'ENTRA_TENANT_ID has quotes around its value',
      'NO_PROXY has quotes around its value',
    ]);
  });

  it.each(['"identity.contoso.com/audit"', '${VALUE}', '\u200bidentity.contoso.com', 'ä.example'])(
    'remark on the name %s of a log, which a log of before may have',
    (origin) => {
      expect(adviceOn({ AUDIT_LOG_ORIGIN: origin })).toEqual([
        expect.stringMatching(/^log-origin-unfit AUDIT_LOG_ORIGIN /),
      ]);
    },
  );

  it.each(['Identity.contoso.com', 'localhost:3000/acs-identity/2026_a~b.c'])(
    'take the name %s of a log',
    (origin) => {
      expect(adviceOn({ AUDIT_LOG_ORIGIN: origin })).toEqual([]);
    },
  );
});
