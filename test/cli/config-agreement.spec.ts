import { describe, expect, it } from 'vitest';
import { createApi } from '../../apps/api/src/create-api.js';
import { createProgram } from '../../apps/cli/src/program.js';
import { adapters, COMMAND_LINE_VARIABLES, serviceSettings } from '#libs/composition';
import { InvalidSettings, Logger } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { acsIdentity } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';

interface Verdict {
  readonly isAccepted: boolean;
  /** Faults and remarks, in their order. */
  readonly sentences: readonly string[];
}

/** The sentences of a refusal. */
function sentencesOf(refusal: string): string[] {
  const [, text = ''] = /The configuration has [^]*?:\n([^]*)/.exec(refusal) ?? [];
  return text.trim().split('\n');
}

async function verdictOfStart(environment: Record<string, string>): Promise<Verdict> {
  const logger = new MemoryLogger();
  try {
    const replace = [{ provide: Logger, useValue: logger }];
    const app = await createApi(environment, { replace });
    await app.close();
  } catch (error) {
    if (!(error instanceof InvalidSettings)) throw error;
    return { isAccepted: false, sentences: sentencesOf(error.message) };
  }
  const remarks = logger.lines.flatMap(({ fields }) =>
    'remark' in fields ? [String(fields.remark)] : [],
  );
  return { isAccepted: true, sentences: remarks };
}

async function verdictOfCheck(environment: Record<string, string>): Promise<Verdict> {
  const { code, stdout, stderr } = await commandHere(['config', 'check'], { environment });
  if (code === 0) return { isAccepted: true, sentences: stdout.trim().split('\n').slice(0, -1) };
  expect(code).toBe(78);
  return { isAccepted: false, sentences: sentencesOf(stderr) };
}

/** A Service of the namespace, as Kubernetes makes it known to every pod. */
const service = {
  ACS_IDENTITY_PORT: 'tcp://10.0.0.1:8080',
  ACS_IDENTITY_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
  ACS_IDENTITY_PORT_8080_TCP_ADDR: '10.0.0.1',
  ACS_IDENTITY_PORT_8080_TCP_PORT: '8080',
  ACS_IDENTITY_PORT_8080_TCP_PROTO: 'tcp',
  ACS_IDENTITY_SERVICE_HOST: '10.0.0.1',
  ACS_IDENTITY_SERVICE_PORT: '8080',
};

/** Services of the namespace that have the names of families of settings. */
const lookalikes = Object.fromEntries(
  ['DATABASE', 'AUDIT_LOG', 'KEY_VAULT'].flatMap((name) => [
    [`${name}_PORT`, 'tcp://10.0.0.2:5432'],
    [`${name}_SERVICE_HOST`, '10.0.0.2'],
    [`${name}_SERVICE_PORT`, '5432'],
  ]),
);

/** Environments, whether they are accepted, and what their sentences name. */
const table: readonly [string, Record<string, string>, boolean, readonly RegExp[]][] = [
  ['a complete one', {}, true, []],
  [
    'a Kubernetes Service that is called as this one',
    service,
    true,
    [/links to Services.*ACS_IDENTITY_PORT/],
  ],
  [
    'Kubernetes Services that are called database, audit-log and key-vault',
    lookalikes,
    true,
    [/links to Services.*DATABASE_PORT/],
  ],
  ['a link with the name of a setting', { PORT: 'tcp://10.0.0.1:80' }, true, [/links.*: PORT\./]],
  [
    'variables of platforms, sidecars and other programs',
    {
      ...{ LOG_FORMAT: 'json', HOST_NAME: 'x', HOSTNAME: 'x', TZ: 'UTC', NODE_ENV: 'production' },
      ...{ WEBSITE_SITE_NAME: 'x', WEBSITES_PORT: '80', APPSETTING_DATABASE_URL: 'x' },
      ...{ CONTAINER_APP_NAME: 'x', FUNCTIONS_CUSTOMHANDLER_PORT: '80', AzureWebJobsStorage: 'x' },
      ...{ DAPR_HTTP_PORT: '3500', OTEL_SERVICE_NAME: 'x', ISTIO_META_CLUSTER_ID: 'x' },
      ...{ AZURE_CREDENTIALS: '{}', AZURE_FEDERATED_TOKEN_FILE: 'x', IDENTITY_ENDPOINT: 'x' },
      ...{ KUBERNETES_PORT: 'tcp://10.0.0.1:443', KUBERNETES_SERVICE_HOST: '10.0.0.1' },
    },
    true,
    [],
  ],
  [
    'variables of our own commands',
    Object.fromEntries(COMMAND_LINE_VARIABLES.map((name) => [name, 'x'])),
    true,
    [],
  ],
  [
    'unknown names like ours',
    { DATABASE_READER: 'x', ENTRA_TENANT: 'x' },
    true,
    [/DATABASE_READER/],
  ],
  [
    'misspelled names',
    { DATABSE_URL: 'x', LOG_LEVLE: 'x', AUDIT_TIMEOUT_SECONDS: '3', ACS_IDENTITY_POLICY_FILE: 'x' },
    false,
    [/DATABASE_URL/, /LOG_LEVEL/, /AUDIT_TIMEOUT_MS/, /POLICY_FILE/],
  ],
  [
    'settings that are accepted and wrong: a plain-text remote database, an origin with a scheme, a file that can not be written',
    {
      DATABASE_URL: 'postgres://service:hidden@db.contoso.com/identity',
      AUDIT_LOG_ORIGIN: 'https://example.com/audit',
      AUDIT_CHECKPOINT_FILE: '/nowhere/at/all/checkpoint',
    },
    true,
    [
      /DATABASE_URL allows plain text to db\.contoso\.com: add sslmode=verify-full/,
      /AUDIT_LOG_ORIGIN has a scheme.*: leave out/,
      /AUDIT_CHECKPOINT_FILE can not be written \(ENOENT\).*: name a file/,
    ],
  ],
  [
    'a remote database whose TLS is optional',
    { DATABASE_URL: 'postgres://service:hidden@db.contoso.com/identity?sslmode=prefer' },
    true,
    [/DATABASE_URL allows plain text/],
  ],
  [
    'a remote database with TLS',
    { DATABASE_URL: 'postgres://service:hidden@db.contoso.com/identity?sslmode=verify-full' },
    true,
    [],
  ],
  [
    'a database at the folder of its socket',
    { DATABASE_URL: 'postgres://service:hidden@/identity?host=/var/run/postgresql' },
    true,
    [],
  ],
  [
    'an application id URI as the audience of v2.0 tokens',
    { ENTRA_AUDIENCE: 'https://contoso.com/identity' },
    false,
    [/ENTRA_AUDIENCE: holds no client id.*ENTRA_TOKEN_VERSIONS with 1\.0/],
  ],
  [
    'an application id URI as the audience of v1.0 tokens',
    { ENTRA_AUDIENCE: 'https://contoso.com/identity', ENTRA_TOKEN_VERSIONS: '1.0,2.0' },
    true,
    [],
  ],
  [
    'faults of several parts, and a file that does not exist',
    { ENTRA_TENANT_ID: 'contoso', ACS_ENDPOINT: 'x', POLICY_FILE: '/none', PORT: 'eighty' },
    false,
    [/ENTRA_TENANT_ID/, /ACS_ENDPOINT/, /POLICY_FILE/, /PORT/],
  ],
];

describe('acs-identity config check and the start', () => {
  it.each(table)('agree about %s', async (_what, change, isAccepted, named) => {
    const environment = { ...placeholderEnvironment, PORT: '0', ...change };
    const started = await verdictOfStart(environment);
    expect(await verdictOfCheck(environment)).toEqual(started);
    expect(started.isAccepted).toBe(isAccepted);
    expect(started.sentences.length === 0).toBe(named.length === 0);
    for (const name of named) expect(started.sentences.join('\n')).toMatch(name);
  });

  it('name each required setting when none is set', async () => {
    const { sentences } = await verdictOfStart({});
    for (const variable of [
      'DATABASE_URL',
      'ENTRA_TENANT_ID',
      'ENTRA_AUDIENCE',
      'KEY_VAULT_URL',
      'AUDIT_LOG_ORIGIN',
    ]) {
      expect(sentences.join('\n')).toContain(`${variable}: is not set`);
    }
  });

  it('read the same settings: those of the default adapters are all listed', () => {
    const ofAdapters = adapters.flatMap(({ settings = [] }) => settings);
    expect(serviceSettings).toEqual(expect.arrayContaining(ofAdapters));
  });
});

describe('acs-identity config check', () => {
  it('loads no adapter', async () => {
    // Reports each file that is loaded, on standard error.
    const hook = `import { registerHooks } from 'node:module';
      registerHooks({ load(url, context, next) { console.error(url); return next(url, context); } });`;
    const environment = {
      ...placeholderEnvironment,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}`,
    };
    const { code, stderr } = await acsIdentity(['config', 'check'], { environment });
    expect(code).toBe(0);
    expect(stderr).toContain('/config.js');
    expect(stderr).not.toMatch(/service\.module|node_modules/);
  });
});

describe('COMMAND_LINE_VARIABLES', () => {
  it('has every variable that a command reads and the api does not', () => {
    const read = new Set<string>();
    const visit = (command: ReturnType<typeof createProgram>): void => {
      for (const { envVar } of command.options) if (envVar !== undefined) read.add(envVar);
      command.commands.forEach(visit);
    };
    visit(createProgram());
    const ofTheApi = serviceSettings.flatMap(({ variables }) => variables.map(({ name }) => name));
    // Read beside the option of the address.
    if (read.has('DATABASE_OWNER_URL')) read.add('DATABASE_OWNER_PASSWORD_FILE');
    const own = [...read].filter((name) => !ofTheApi.includes(name));
    expect(own.sort()).toEqual([...COMMAND_LINE_VARIABLES].sort());
  });
});
