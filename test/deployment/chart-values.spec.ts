import { describe, expect, it } from 'vitest';
import { CHART, GUID, helm, render, VALUES } from './chart.js';

describe('the values of the Helm chart', () => {
  const SECRETS: readonly [string, Readonly<Record<string, string>>][] = [
    ['a password of the database', { DATABASE_URL: 'postgres://service:secret@host/identity' }],
    [
      'a password of the database as a parameter',
      { DATABASE_URL: 'postgres://service@host/identity?sslmode=verify-full&password=secret' },
    ],
    [
      'the password of the key of a certificate',
      { DATABASE_URL: 'postgres://service@host/identity?sslpassword=secret' },
    ],
    ...['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].map((name): [string, Record<string, string>] => [
      `a password in ${name}`,
      { [name]: 'http://user:secret@proxy:3128' },
    ]),
    [
      'a password of any other address',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:secret@collector:4318' },
    ],
    ['headers of a collector', { OTEL_EXPORTER_OTLP_HEADERS: 'api-key=secret' }],
    ['a client secret', { AZURE_CLIENT_SECRET: 'secret' }],
  ];
  it.each(SECRETS)('refuses %s in the settings, which many may read', (_title, settings) => {
    const { status, output } = helm(['template', 'x', CHART], {
      settings: { ...VALUES.settings, ...settings },
      secretSettings: {},
    });
    expect(status, output).not.toBe(0);
    expect(output).not.toContain('Deployment');
    const migration = { ...VALUES.migration, settings };
    expect(helm(['template', 'x', CHART], { migration }).status).not.toBe(0);
  });

  it('takes addresses that hold no secret', () => {
    const DATABASE_URL = 'postgres://service@a:5432,b:5432/identity?sslmode=verify-full';
    const proxies = { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '.contoso.com,10.0.0.1' };
    const TRUSTED_ISSUERS = '[{"issuer":"https://id.contoso.com","contact":"admin@contoso.com"}]';
    render({
      settings: {
        ...{ ...VALUES.settings, ...proxies, DATABASE_URL, TRUSTED_ISSUERS },
        SHUTDOWN_TIMEOUT_MS: '60000',
      },
      secretSettings: {},
    });
  });

  it.each([
    ['the name of a setting in small letters', { database_url: 'postgres://host/identity' }],
    ['an address to listen on that probes do not reach', { HOST: 'localhost' }],
    ['a time with a unit', { SHUTDOWN_TIMEOUT_MS: '60s' }],
    ['a time that the service refuses', { SHUTDOWN_TIMEOUT_MS: 120_001 }],
  ])('refuses %s', (_title, settings) => {
    const { status } = helm(['template', 'x', CHART], {
      settings: { ...VALUES.settings, ...settings },
      secretSettings: {},
    });
    expect(status).not.toBe(0);
  });

  it.each([
    ['no image', { image: {} }],
    ['an unknown value', { replicas: 3 }],
    ['a name that Kubernetes refuses', { nameOverride: 'Identity_Service' }],
    ['an ingress to the metrics', { ingress: { ...VALUES.ingress, paths: ['/metrics'] } }],
    ['an ingress to everything', { ingress: { ...VALUES.ingress, paths: ['/'] } }],
    ['no role of the service', { migration: { ownerUrl: VALUES.migration.ownerUrl } }],
    ['an autoscaler down to one replica', { autoscaling: { minReplicas: 1 } }],
    ['an autoscaler to fewer replicas', { autoscaling: { minReplicas: 5, maxReplicas: 2 } }],
    ['an autoscaler by a share of no request', { resources: { requests: { cpu: null } } }],
    ['a disruption budget of words', { disruptionBudget: { maxUnavailable: 'one' } }],
    ['a network policy that lets nobody call', { networkPolicy: { ingressFrom: [] } }],
    ...['PORT', 'SHUTDOWN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS', 'POLICY_FILE'].map(
      (name): [string, object] => [
        `${name} of a Secret, which the chart reads or sets`,
        { secretSettings: { ...VALUES.secretSettings, [name]: { name: 'a', key: 'b' } } },
      ],
    ),
    [
      'TLS without verification',
      { settings: { ...VALUES.settings, NODE_TLS_REJECT_UNAUTHORIZED: '0' } },
    ],
    ['a setting twice', { secretSettings: { KEY_VAULT_URL: { name: 'a', key: 'b' } } }],
    [
      'a setting that workloadIdentity sets',
      { settings: { ...VALUES.settings, AZURE_CREDENTIAL: 'managed-identity' } },
    ],
    [
      'a secret setting that workloadIdentity sets',
      { secretSettings: { ...VALUES.secretSettings, AZURE_CLIENT_ID: { name: 'a', key: 'b' } } },
    ],
    [
      'a setting of the migration that the chart sets',
      { migration: { ...VALUES.migration, settings: { DATABASE_SERVICE_ROLE: 'other' } } },
    ],
    [
      'an annotation of the account that the chart sets',
      { serviceAccount: { annotations: { 'azure.workload.identity/client-id': `${GUID}5` } } },
    ],
    ['an annotation of the pods that it sets', { podAnnotations: { 'checksum/settings': 'x' } }],
    [
      'a label of the monitor that it sets',
      { serviceMonitor: { enabled: true, labels: { 'helm.sh/chart': 'x' } } },
    ],
    ['a volume of the name of its own', { volumes: [{ name: 'policy', emptyDir: {} }] }],
    ['another folder for temporary files', { volumes: [{ name: 'tmp', emptyDir: {} }] }],
    [
      'a mount over the policy',
      { volumeMounts: [{ name: 'files', mountPath: '/etc/acs-identity' }] },
    ],
  ])('refuses %s', (_title, changes) => {
    expect(helm(['template', 'x', CHART], changes).status).not.toBe(0);
  });

  it('takes the same without what it collides with', () => {
    const own = { AZURE_CREDENTIAL: 'managed-identity', AZURE_CLIENT_ID: `${GUID}5` };
    render({
      settings: { ...VALUES.settings, ...own },
      workloadIdentity: { enabled: false },
      policy: '',
      volumes: [{ name: 'policy', emptyDir: {} }],
      volumeMounts: [{ name: 'policy', mountPath: '/etc/acs-identity' }],
    });
  });
});
