import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { checkService, serviceSettings } from '#libs/composition';
import { repositoryRoot } from '../support/root.js';

const CHART = join(repositoryRoot, 'deploy/helm/acs-identity');
const CLUSTER = ['--kube-version', '1.33.0', '--api-versions', 'monitoring.coreos.com/v1'];
const GUID = '0f0e0d0c-0000-4000-8000-00000000000';

/** What an operator has to give, and every optional part. */
const VALUES = {
  image: { repository: 'contoso.azurecr.io/acs-identity' },
  settings: {
    KEY_VAULT_URL: 'https://contoso.vault.azure.net',
    AUDIT_LOG_ORIGIN: 'identity.contoso.com/audit',
    ENTRA_TENANT_ID: `${GUID}1`,
    ENTRA_AUDIENCE: `${GUID}2`,
    ACS_ENDPOINT: 'https://contoso.communication.azure.com',
    ACS_RESOURCE_ID: `${GUID}3`,
    AUDIT_QUEUE_LIMIT: 1_000_000,
  },
  secretSettings: { DATABASE_URL: { name: 'acs-identity-database', key: 'url' } },
  policy: JSON.stringify({
    version: 1,
    scopes: { chat: {} },
    rules: [
      {
        name: 'everyone',
        when: 'anyone',
        allow: {
          scopes: ['chat'],
          defaultScopes: ['chat'],
          lifetimeMinutes: { shortest: 60, default: 60, longest: 60 },
        },
      },
    ],
  }),
  migration: {
    serviceRole: 'identity_service',
    ownerUrl: { name: 'acs-identity-owner', key: 'url' },
  },
  workloadIdentity: { clientId: `${GUID}4` },
  serviceMonitor: { enabled: true },
  ingress: { enabled: true, host: 'identity.contoso.com', tlsSecret: 'identity-tls' },
};

const container = z.object({
  image: z.string(),
  args: z.array(z.string()).optional(),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z.unknown().optional(),
      }),
    )
    .default([]),
  securityContext: z.unknown(),
  resources: z.object({ requests: z.unknown(), limits: z.unknown() }),
});
const podTemplate = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()) }),
  spec: z.object({
    serviceAccountName: z.string(),
    enableServiceLinks: z.literal(false),
    automountServiceAccountToken: z.literal(false),
    terminationGracePeriodSeconds: z.number().optional(),
    securityContext: z.unknown(),
    containers: z.tuple([container]),
  }),
});
const workload = z.object({
  spec: z.object({ replicas: z.number().optional(), template: podTemplate }),
});
const object = z.looseObject({
  kind: z.string(),
  metadata: z.object({
    name: z.string().max(63),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});
type Manifest = z.infer<typeof object>;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acs-identity-chart-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs helm with these values on top of `VALUES`. */
function helm(
  words: readonly string[],
  changes: object = {},
): { status: number | null; output: string } {
  const file = join(folder, 'values.json');
  writeFileSync(file, JSON.stringify({ ...VALUES, ...changes }));
  const { status, stdout, stderr } = spawnSync(
    process.env.TEST_HELM ?? 'helm',
    [...words, '--values', file, ...CLUSTER.slice(0, words[0] === 'lint' ? 2 : 4)],
    {
      encoding: 'utf8',
      env: { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder },
    },
  );
  return { status, output: status === 0 ? stdout : stderr };
}

function render(changes: object = {}, release = 'acs-identity'): Manifest[] {
  const { status, output } = helm(['template', release, CHART], changes);
  expect(status, output).toBe(0);
  return parseAllDocuments(output)
    .map((document) => document.toJS() as unknown)
    .filter((content) => content !== null)
    .map((content) => object.parse(content));
}

function find(manifests: Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.find(
    (one) => one.kind === kind && (name === undefined || one.metadata.name === name),
  );
  if (!found) throw new Error(`no ${kind} ${name ?? ''}`);
  return found;
}

function podOf(manifests: Manifest[], kind: string): z.infer<typeof podTemplate> {
  return workload.parse(find(manifests, kind)).spec.template;
}

describe('the Helm chart', () => {
  it('passes the strict lint', () => {
    const { status, output } = helm(['lint', CHART, '--strict']);
    expect(status, output).toBe(0);
  });

  it('has settings that the service starts with', () => {
    const manifests = render();
    const { data } = z
      .object({ data: z.record(z.string(), z.string()) })
      .parse(find(manifests, 'ConfigMap', 'acs-identity'));
    const [{ env }] = podOf(manifests, 'Deployment').spec.containers;
    const secrets = env.map(({ name }) => [name, 'postgres://service@database/identity'] as const);
    const policy = z
      .object({ data: z.object({ 'policy.yaml': z.string() }) })
      .parse(find(manifests, 'ConfigMap', 'acs-identity-policy')).data['policy.yaml'];
    expect(data.POLICY_FILE).toBe('/etc/acs-identity/policy.yaml');
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, policy);
    const environment = { ...data, ...Object.fromEntries(secrets), POLICY_FILE: file };
    expect(checkService(serviceSettings, environment).faults).toEqual([]);
    expect(data).toMatchObject({
      AUDIT_QUEUE_LIMIT: '1000000',
      AZURE_CREDENTIAL: 'workload-identity',
    });
  });

  it.each([
    ['0.00001', 0.00001],
    ['0.0000125', 0.0000125],
    ['0.25', 0.25],
    ['1000000', 1_000_000],
    ['true', true],
  ])('writes %s as such, for the service and for the migration', (written, value) => {
    const settings = { OTEL_TRACES_SAMPLER_ARG: value };
    const manifests = render({
      settings: { ...VALUES.settings, ...settings },
      migration: { ...VALUES.migration, settings },
    });
    expect(find(manifests, 'ConfigMap', 'acs-identity')).toMatchObject({
      data: { OTEL_TRACES_SAMPLER_ARG: written },
    });
    const [{ env }] = podOf(manifests, 'Job').spec.containers;
    expect(env).toContainEqual({ name: 'OTEL_TRACES_SAMPLER_ARG', value: written });
  });

  it('lets nobody set a label that the chart sets', () => {
    for (const name of ['app.kubernetes.io/name', 'azure.workload.identity/use']) {
      const { status, output } = helm(['template', 'x', CHART], { podLabels: { [name]: 'other' } });
      expect(status, name).not.toBe(0);
      expect(output).toContain(name);
    }
    const { labels } = podOf(render({ podLabels: { team: 'a' } }), 'Deployment').metadata;
    expect(labels).toMatchObject({ team: 'a', 'app.kubernetes.io/name': 'acs-identity' });
  });

  it.each(['Deployment', 'Job'])('runs its %s with the least rights', (kind) => {
    const { spec } = podOf(render(), kind);
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(spec.containers[0]).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      resources: {
        requests: { memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      },
    });
  });

  it('migrates in a hook that needs nothing of the release', () => {
    const manifests = render();
    const job = find(manifests, 'Job');
    const hooks = manifests.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook']);
    expect(job.metadata.annotations?.['helm.sh/hook']).toBe('pre-install,pre-upgrade');
    const { spec } = podOf(manifests, 'Job');
    expect(hooks.map(({ metadata }) => metadata.name)).toContain(spec.serviceAccountName);
    expect(spec.containers[0].args).toEqual(['bin/acs-identity.js', 'migrate']);
    expect(JSON.stringify(spec)).not.toContain('configMap');
    expect(podOf(manifests, 'Job').metadata.labels).not.toHaveProperty(
      'app.kubernetes.io/component',
      'api',
    );
  });

  it('leaves the number of replicas to the autoscaler, or has two', () => {
    const replicas = (changes: object): number | undefined =>
      workload.parse(find(render(changes), 'Deployment')).spec.replicas;
    expect(replicas({})).toBeUndefined();
    expect(replicas({ autoscaling: { enabled: false } })).toBe(2);
    expect(find(render(), 'HorizontalPodAutoscaler')).toMatchObject({ spec: { minReplicas: 2 } });
    expect(find(render(), 'PodDisruptionBudget')).toMatchObject({ spec: { maxUnavailable: 1 } });
  });

  it('gives a replica the time that its settings need to stop', () => {
    const grace = (changes: object): number | undefined =>
      podOf(render(changes), 'Deployment').spec.terminationGracePeriodSeconds;
    expect(grace({})).toBe(30);
    const settings = { ...VALUES.settings, SHUTDOWN_TIMEOUT_MS: 20_500 };
    expect(grace({ shutdownDelayMs: 10_000, settings })).toBe(41);
  });

  it('selects the same pods everywhere, also under another name', () => {
    for (const release of [
      'acs-identity',
      'emea',
      'a-release-with-the-longest-name-that-helm-allows-53c',
    ]) {
      const manifests = render({}, release);
      const { labels } = podOf(manifests, 'Deployment').metadata;
      const selectors = [
        ['Service', 'selector'],
        ['PodDisruptionBudget', 'selector', 'matchLabels'],
        ['NetworkPolicy', 'podSelector', 'matchLabels'],
      ] as const;
      for (const [kind, ...path] of selectors) {
        const found = path.reduce<unknown>(
          (part, key) => z.record(z.string(), z.unknown()).parse(part)[key],
          find(manifests, kind).spec,
        );
        expect(labels).toMatchObject(z.record(z.string(), z.string()).parse(found));
      }
    }
  });

  it.each([
    ['a password in the settings', { DATABASE_URL: 'postgres://service:secret@host/identity' }],
    ['the name of a setting in small letters', { database_url: 'postgres://host/identity' }],
    ['a client secret', { AZURE_CLIENT_SECRET: 'secret' }],
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
    ['an ingress to the metrics', { ingress: { ...VALUES.ingress, paths: ['/metrics'] } }],
    ['an ingress to everything', { ingress: { ...VALUES.ingress, paths: ['/'] } }],
    ['no role of the service', { migration: { ownerUrl: VALUES.migration.ownerUrl } }],
    ['an autoscaler down to one replica', { autoscaling: { minReplicas: 1 } }],
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
