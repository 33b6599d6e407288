import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkService, COMMAND_LINE_VARIABLES, serviceSettings } from '#libs/composition';
import { SAMPLE_APPS, SAMPLE_RESOURCES, SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { repositoryRoot } from '../support/root.js';
import { composeFile, serviceOf } from './compose-file.js';
import { dashboards } from './dashboards.js';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');
const FILES = ['docker-compose.yml', 'docker-compose.development.yml'];

/** Source and target of what a service mounts. */
function mountsOf(volumes: readonly string[]): { source: string; target: string }[] {
  return volumes.map((volume) => {
    const [source = '', target = ''] = volume.split(':');
    return { source, target };
  });
}

describe.each(FILES)('%s', (name) => {
  const compose = composeFile(name);
  const services = Object.entries(compose.services);

  it('has an image for each service, or a stage of the Dockerfile', () => {
    const stages = [...read('Dockerfile').matchAll(/^FROM \S+ AS (\w+)$/gm)].map(
      ([, stage]) => stage,
    );
    for (const [service, { image, build }] of services) {
      if (build) expect(stages, service).toContain(build.target);
      else expect(image, service).toMatch(/^[\w./-]+:[\w.-]*\d[\w.-]*$/);
    }
  });

  it('mounts files that exist, and volumes that it declares', () => {
    const mounted = services.flatMap(([, { volumes }]) => mountsOf(volumes));
    const files = mounted.filter(({ source }) => source.startsWith('./'));
    for (const { source } of files) {
      expect(existsSync(join(repositoryRoot, source)), source).toBe(true);
      // Docker makes a folder of a path that does not exist, and mounts no file over a folder.
      expect(/\.\w+$/.test(source), source).toBe(statSync(join(repositoryRoot, source)).isFile());
    }
    const volumes = mounted.map(({ source }) => source).filter((one) => !one.startsWith('./'));
    expect([...new Set(volumes)].sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  it('waits only for what can come true', () => {
    for (const [service, { depends_on }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const { healthcheck, restart } = serviceOf(compose, other);
        const subject = `${service} waits for ${other}`;
        if (condition === 'service_healthy') expect(healthcheck, subject).toBeDefined();
        // Compose would start a job that has ended again, and wait forever.
        if (condition === 'service_completed_successfully') expect(restart, subject).toBe('no');
      }
    }
  });

  it('publishes to its own machine only', () => {
    const ports = services.flatMap(([, service]) => service.ports);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
  });
});

describe('docker-compose.yml', () => {
  const compose = composeFile('docker-compose.yml');
  const api = serviceOf(compose, 'api');

  it('has settings that the service starts with, and knows all of', () => {
    const { NODE_EXTRA_CA_CERTS: _ofNode, ...environment } = api.environment;
    const { faults, remarks } = checkService(serviceSettings, environment);
    expect(faults).toEqual([]);
    // The stand is one machine: its database has no TLS, and its vault is an emulator.
    expect(remarks).toEqual([
      expect.stringContaining('allows plain text to pgbouncer'),
      expect.stringContaining('it is for emulators only'),
    ]);
    const known = [
      ...serviceSettings.flatMap(({ variables }) => variables.map((one) => one.name)),
      // Of AZURE_CREDENTIAL=environment
      ...['AZURE_TENANT_ID', 'AZURE_CLIENT_SECRET'],
    ];
    expect(known).toEqual(expect.arrayContaining(Object.keys(environment)));
    expect(COMMAND_LINE_VARIABLES).toEqual(
      expect.arrayContaining(Object.keys(serviceOf(compose, 'migration').environment)),
    );
  });

  it('names the tenant, applications and resource of the emulator', () => {
    const { clientId, clientSecret } = SAMPLE_APPS['identity-service'];
    expect(api.environment).toMatchObject({
      ENTRA_TENANT_ID: SAMPLE_TENANTS.home.id,
      ENTRA_AUDIENCE: SAMPLE_RESOURCES.api.clientId,
      AZURE_TENANT_ID: SAMPLE_TENANTS.home.id,
      AZURE_CLIENT_ID: clientId,
      AZURE_CLIENT_SECRET: clientSecret,
    });
  });

  it('calls each service at a port that it listens on', () => {
    const { command } = serviceOf(compose, 'emulator');
    const listening = new Set([
      'postgres:5432',
      'api:3000',
      'prometheus:9090',
      `pgbouncer:${/^listen_port = (\d+)$/m.exec(read('deploy/compose/pgbouncer.ini'))?.[1]}`,
      ...command
        .flatMap((word) => /^--[\w-]+-port=(\d+)$/.exec(word)?.[1] ?? [])
        .map((port) => `emulator:${port}`),
    ]);
    const texts = [
      ...Object.values(compose.services).flatMap(({ environment }) => Object.values(environment)),
      ...['haproxy.cfg', 'prometheus.yaml'].map((name) => read(`deploy/compose/${name}`)),
      read('deploy/grafana/provisioning/datasources/prometheus.yaml'),
    ];
    const names = Object.keys(compose.services).join('|');
    const called = texts.flatMap((text) => text.match(new RegExp(`\\b(${names}):\\d+`, 'g')) ?? []);
    expect(called.length).toBeGreaterThanOrEqual(8);
    expect([...listening]).toEqual(expect.arrayContaining(called));
  });

  it('gives replicas what their settings need, and the proxy time to notice the end of one', () => {
    expect(api.deploy?.replicas).toBe(2);
    const delay = Number(api.environment.SHUTDOWN_DELAY_MS);
    const [, interval = '', fall = ''] =
      /check inter (\d+)s fall (\d+)/.exec(read('deploy/compose/haproxy.cfg')) ?? [];
    expect(delay).toBeGreaterThan(Number(interval) * Number(fall) * 1000);
    expect(api.stop_grace_period).toBe('30s');
  });

  it('trusts the address of the proxy alone', () => {
    const address = serviceOf(compose, 'proxy').networks?.default.ipv4_address ?? '';
    expect(api.environment.TRUSTED_PROXIES).toBe(address);
    const [network = '', prefix] = compose.networks?.default.ipam.config[0].subnet.split('/') ?? [];
    const subnet = new BlockList();
    subnet.addSubnet(network, Number(prefix));
    expect(subnet.check(address)).toBe(true);
  });

  it('has a pooler with connections for all replicas, in transaction mode', () => {
    const settings = Object.fromEntries(
      [...read('deploy/compose/pgbouncer.ini').matchAll(/^(\w+) = (.+)$/gm)].map(
        ([, name, value]) => [name, value] as const,
      ),
    );
    expect(settings.pool_mode).toBe('transaction');
    const perReplica = Number(api.environment.DATABASE_POOL_SIZE ?? 10) + 1;
    expect(Number(settings.default_pool_size)).toBeGreaterThanOrEqual(
      perReplica * (api.deploy?.replicas ?? 1),
    );
    const mounts = mountsOf(serviceOf(compose, 'pgbouncer').volumes);
    expect(mounts.map(({ target }) => target)).toContain(settings.auth_file);
  });

  it('lets Grafana find its data source and every dashboard', () => {
    const { volumes, environment } = serviceOf(compose, 'grafana');
    const [provider] = (
      parse(read('deploy/grafana/provisioning/dashboards/acs-identity.yaml')) as {
        providers: { options: { path: string } }[];
      }
    ).providers;
    const mounts = new Map(mountsOf(volumes).map(({ source, target }) => [target, source]));
    const folder = mounts.get(provider?.options.path ?? '') ?? '';
    expect(readdirSync(join(repositoryRoot, folder)).sort()).toEqual(
      dashboards()
        .map(({ file }) => file)
        .sort(),
    );
    const home = environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? '';
    const file = home.replace(provider?.options.path ?? '', folder);
    expect(existsSync(join(repositoryRoot, file)), home).toBe(true);
    const { datasources } = parse(
      read('deploy/grafana/provisioning/datasources/prometheus.yaml'),
    ) as { datasources: { type: string; isDefault: boolean }[] };
    // The dashboards select the default data source of this type.
    expect(datasources).toEqual([expect.objectContaining({ type: 'prometheus', isDefault: true })]);
    expect(mounts.get('/etc/grafana/provisioning')).toBe('./deploy/grafana/provisioning');
  });

  it('scrapes as the rules and dashboards expect, with the rules where Prometheus looks', () => {
    const { scrape_configs, rule_files } = parse(read('deploy/compose/prometheus.yaml')) as {
      scrape_configs: { job_name: string }[];
      rule_files: string[];
    };
    expect(scrape_configs.map(({ job_name }) => job_name)).toEqual(['acs-identity']);
    const targets = mountsOf(serviceOf(compose, 'prometheus').volumes).map(({ target }) => target);
    expect(targets).toEqual(
      expect.arrayContaining(rule_files.map((file) => `/etc/prometheus/${file}`)),
    );
  });
});
