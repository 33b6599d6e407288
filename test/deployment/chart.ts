import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { repositoryRoot } from '../support/root.js';

export const CHART = join(repositoryRoot, 'deploy/helm/acs-identity');
const VERSION = ['--kube-version', '1.33.0'];
/** What a command of helm takes about the cluster that there is none of. */
const CLUSTER: Readonly<Record<string, readonly string[]>> = {
  lint: VERSION,
  template: [...VERSION, '--api-versions', 'monitoring.coreos.com/v1'],
  install: ['--dry-run=client'],
};
export const GUID = '0f0e0d0c-0000-4000-8000-00000000000';

/** What an operator has to give, and every optional part. */
export const VALUES = {
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

const object = z.looseObject({
  kind: z.string(),
  metadata: z.object({
    name: z.string().max(63),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});
export type Manifest = z.infer<typeof object>;

/** For files of one spec. */
export let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acs-identity-chart-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command of helm with these values on top of `VALUES`. */
export function helm(
  [command, ...words]: readonly [string, ...string[]],
  changes: object = {},
): { status: number | null; output: string } {
  const file = join(folder, 'values.json');
  writeFileSync(file, JSON.stringify({ ...VALUES, ...changes }));
  const { status, stdout, stderr } = spawnSync(
    process.env.TEST_HELM ?? 'helm',
    [command, ...words, '--values', file, ...(CLUSTER[command] ?? [])],
    {
      encoding: 'utf8',
      env: { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder },
    },
  );
  return { status, output: status === 0 ? stdout : stderr };
}

export function render(changes: object = {}, release = 'acs-identity'): Manifest[] {
  const { status, output } = helm(['template', release, CHART], changes);
  expect(status, output).toBe(0);
  return parseAllDocuments(output)
    .map((document) => document.toJS() as unknown)
    .filter((content) => content !== null)
    .map((content) => object.parse(content));
}

export function find(manifests: Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.find(
    (one) => one.kind === kind && (name === undefined || one.metadata.name === name),
  );
  if (!found) throw new Error(`no ${kind} ${name ?? ''}`);
  return found;
}
