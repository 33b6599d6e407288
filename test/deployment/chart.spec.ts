import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkService, serviceSettings } from '#libs/composition';
import { repositoryRoot } from '../support/root.js';
import { CHART, find, folder, helm, type Manifest, render, VALUES } from './chart.js';

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
const monitor = z.object({
  spec: z.object({
    endpoints: z.array(
      z.object({
        relabelings: z.array(z.object({ targetLabel: z.string(), replacement: z.string() })),
      }),
    ),
  }),
});

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
    ['acs-identity', {}],
    ['emea', { nameOverride: 'identity' }],
  ])(
    'is scraped as the job of the alerts and dashboards, as release %s with %j',
    (release, changes) => {
      const { endpoints } = monitor.parse(find(render(changes, release), 'ServiceMonitor')).spec;
      const jobs = endpoints.flatMap(({ relabelings }) =>
        relabelings.filter(({ targetLabel }) => targetLabel === 'job'),
      );
      expect(jobs).toEqual([{ targetLabel: 'job', replacement: 'acs-identity' }]);
      const alerts = readFileSync(join(repositoryRoot, 'deploy/prometheus/alerts.yaml'), 'utf8');
      const expected = new Set([...alerts.matchAll(/job="([^"]*)"/g)].map(([, job]) => job));
      expect([...expected]).toEqual(['acs-identity']);
    },
  );
});
