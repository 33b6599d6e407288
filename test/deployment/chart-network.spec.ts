import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CHART, find, helm, render, VALUES } from './chart.js';

const port = z.object({ port: z.number(), protocol: z.string() });
const policy = z.object({
  spec: z.object({
    egress: z.array(z.object({ to: z.unknown().optional(), ports: z.array(port) })),
  }),
});

/** Where the replicas may connect to: everywhere unless `to` says where. */
function egress(changes: object = {}): z.infer<typeof policy>['spec']['egress'] {
  return policy.parse(find(render(changes), 'NetworkPolicy')).spec.egress;
}

/** The TCP ports that every address may be reached at, beside DNS. */
function tcpPorts(settings: object = {}, networkPolicy: object = {}): readonly unknown[] {
  const secretSettings = 'DATABASE_URL' in settings ? {} : VALUES.secretSettings;
  const [everywhere] = egress({
    settings: { ...VALUES.settings, ...settings },
    secretSettings,
    networkPolicy,
  });
  return (everywhere?.ports ?? [])
    .filter(({ port, protocol }) => protocol === 'TCP' && port !== 53)
    .map(({ port }) => port);
}

describe('the network policy of the Helm chart', () => {
  const DEFAULT = [443, 5432, 6432];

  it('allows DNS, https and PostgreSQL', () => {
    const tcp = [53, ...DEFAULT].map((port) => ({ port, protocol: 'TCP' }));
    expect(egress()).toEqual([{ ports: [{ port: 53, protocol: 'UDP' }, ...tcp] }]);
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318', 4318],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'http://collector/v1/traces', 80],
    ['HTTPS_PROXY', 'http://proxy.contoso.com:3128', 3128],
    ['ACS_ENDPOINT', 'https://[2001:db8::5]:8443', 8443],
    ['ENTRA_AUTHORITY', 'HTTPS://login.contoso.com:9443/tenant?at=10:30', 9443],
    ['DATABASE_URL', 'postgres://service@host:6543/identity?sslmode=verify-full', 6543],
    ['DATABASE_URL', 'postgres://service@db1:5433,db2:5434/identity', 5434],
    ['DATABASE_URL', 'postgres://service@db1:5433,db2/identity', 5432],
    ['DATABASE_URL', 'postgres:///identity?host=db1,db2&port=5435,5436', 5436],
    ['HTTPS_PROXY', 'proxy.contoso.com:3128', 3128],
    ['ALL_PROXY', 'proxy.contoso.com:3128', 3128],
    ['TRUSTED_ISSUERS', '[{"issuer":"https://id.contoso.com:7443"}]', 7443],
  ])('allows what %s=%s needs', (name, value, needed) => {
    expect(tcpPorts({ [name]: value })).toContain(needed);
  });

  it.each([
    ['ALLOWED_ORIGINS', 'http://localhost:5173'],
    ['ENTRA_AUDIENCE', 'https://api.contoso.com:8443'],
    ['ACS_ENDPOINT', 'https://[2001:db8::5]'],
    ['DATABASE_URL', 'postgres://service@host/identity'],
    ['NO_PROXY', 'contoso.com:8443'],
    ['TRUSTED_PROXIES', '10.0.0.0/8'],
  ])('allows nothing more for %s=%s', (name, value) => {
    expect(tcpPorts({ [name]: value })).toEqual(DEFAULT);
  });

  it('allows each port once, of the settings and of egressPorts', () => {
    const settings = { HTTPS_PROXY: 'http://proxy:3128', HTTP_PROXY: 'http://proxy:3128' };
    expect(tcpPorts(settings, { egressPorts: [443, 6514] })).toEqual([443, 6514, 3128]);
  });

  it.each(['ingressFrom', 'egressPorts', 'enabled'])(
    'is refused without %s: an emptied list of Kubernetes means everybody',
    (name) => {
      const { status, output } = helm(['template', 'x', CHART], {
        networkPolicy: { [name]: null },
      });
      expect(status).not.toBe(0);
      expect(output).toContain(name);
    },
  );

  it('reaches the managed identity of the node only where settings sign in with it', () => {
    const node = {
      to: [{ ipBlock: { cidr: '169.254.169.254/32' } }],
      ports: [{ port: 80, protocol: 'TCP' }],
    };
    const signedInBy = (settings: object): unknown[] =>
      egress({
        settings: { ...VALUES.settings, ...settings },
        workloadIdentity: { enabled: false },
      });
    expect(egress()).not.toContainEqual(node);
    expect(signedInBy({ AZURE_CREDENTIAL: 'managed-identity' })).toContainEqual(node);
    expect(signedInBy({})).toContainEqual(node);
    expect(signedInBy({ AZURE_CREDENTIAL: 'environment' })).not.toContainEqual(node);
  });

  it('is described after the installation, with what the chart can not know', () => {
    const settings = { ...VALUES.settings, HTTPS_PROXY: 'http://proxy:3128' };
    const notes = helm(['install', 'x', CHART], {
      settings,
      serviceMonitor: { enabled: false },
    }).output;
    expect(notes).toMatch(
      /NOTES:[^]*TCP ports 443, 5432, 6432, 3128[^]*networkPolicy\.egressPorts/,
    );
  });
});
