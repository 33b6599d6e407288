import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  authenticationSettings,
  type AuthenticationSettings,
  RequestContexts,
} from '#libs/authentication';
import { checkService, COMMAND_LINE_VARIABLES, serviceSettings } from '#libs/composition';
import { repositoryRoot } from '../support/root.js';
import { type Limit, ROLES, VERIFIED_MODULES } from './azure-facts.js';
import { bicepFiles, type BicepFile, type BicepLiteral } from './bicep.js';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');
const files = bicepFiles();
const hooks = globSync('infra/hooks/*.sh', { cwd: repositoryRoot });
const GUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g;

function file(path: string): BicepFile {
  const found = files.get(path);
  if (!found) throw new Error(`no ${path}`);
  return found;
}

describe('the templates', () => {
  it('are Bicep', () => {
    expect(
      [...files.values()].flatMap(({ path, errors }) => errors.map((one) => path + one)),
    ).toEqual([]);
    expect(files.size).toBeGreaterThanOrEqual(9);
  });

  it('give each module what it requires, and nothing that it does not have', () => {
    const used = new Set<string>();
    for (const { path, modules, text } of files.values()) {
      for (const { name, source, parameters } of modules) {
        const subject = `${path}: ${name}`;
        const outputs = text.matchAll(new RegExp(`\\b${name}!?\\.outputs\\.(\\w+)`, 'g'));
        const [, verified = '', version] =
          /^br\/public:avm\/res\/([\w/-]+):(.+)$/.exec(source) ?? [];
        const facts = VERIFIED_MODULES[verified];
        if (verified !== '') expect(facts?.version, subject).toBe(version);
        used.add(verified);
        const own = facts ? undefined : file(source);
        const required =
          facts?.required ??
          own?.parameters.filter(({ isRequired }) => isRequired).map((one) => one.name);
        const known = facts
          ? [...facts.required, ...facts.optional]
          : own?.parameters.map((one) => one.name);
        expect(parameters, subject).toEqual(expect.arrayContaining([...(required ?? [])]));
        expect(known, subject).toEqual(expect.arrayContaining([...parameters]));
        expect(facts?.outputs ?? own?.outputs, subject).toEqual(
          expect.arrayContaining([...outputs].map(([, output]) => output)),
        );
      }
    }
    expect([...used].filter((name) => name !== '').sort()).toEqual(
      Object.keys(VERIFIED_MODULES).sort(),
    );
  });

  // Azure Resource Manager refuses the whole deployment otherwise, before it creates anything.
  it('give each module values within its limits', () => {
    const beyond = [...files.values()].flatMap(({ path, modules }) =>
      modules.flatMap(({ name, source, literals }) => {
        const [, verified = ''] = /^br\/public:avm\/res\/([\w/-]+):/.exec(source) ?? [];
        const { limits } = VERIFIED_MODULES[verified] ?? {};
        return literals
          .filter((literal) => verified !== '' && !isWithin(literal, limits?.[literal.path]))
          .map((literal) => `${path}: ${name}: ${literal.path}: ${literal.value}`);
      }),
    );
    expect(beyond).toEqual([]);
  });

  it('wait a minute for the start of a Container App', () => {
    const { modules } = file('infra/hosts/container-app.bicep');
    const literals = modules.flatMap((one) => one.literals);
    const startup = literals.findIndex(({ value }) => value === 'Startup');
    const [period, failures] = ['periodSeconds', 'failureThreshold'].map((name) =>
      Number(literals.slice(startup).find(({ path }) => path.endsWith(name))?.value),
    ) as [number, number];
    expect(period * failures).toBe(60);
  });

  it('assign roles by ids that exist, never by names', () => {
    const assigned = [...files.values()].flatMap(({ text }) => text.match(GUID) ?? []);
    expect([...new Set(assigned)].sort()).toEqual(Object.keys(ROLES).sort());
    for (const { text } of files.values()) {
      expect(text).not.toMatch(/roleDefinitionIdOrName: '/);
    }
  });

  it('hold no password, key or connection string', () => {
    for (const { text, path } of files.values()) {
      expect(text, path).not.toMatch(/listKeys|administratorLoginPassword|AccountKey|accesskey=/i);
    }
  });

  // Azure waits until a revision is ready, and fails the provisioning, before a hook could prepare anything.
  it('create the Container App only when the hook has prepared what it needs', () => {
    const { text } = file('infra/service.bicep');
    expect(text).toContain(
      "module containerApp 'hosts/container-app.bicep' = if (isPrepared && host == 'container-app')",
    );
    expect(text).toContain("(isPrepared ? containerApp!.outputs.url : '')");
    expect(JSON.parse(read('infra/main.parameters.json'))).toMatchObject({
      parameters: { isPrepared: { value: '${SERVICE_PREPARED=false}' } },
    });
  });

  it('keep PostgreSQL and Key Vault from the internet with isPrivate', () => {
    const { text } = file('infra/service.bicep');
    const access = [...text.matchAll(/publicNetworkAccess: (.+)/g)].map(([, value]) => value);
    expect(access.filter((value) => value === "isPrivate ? 'Disabled' : 'Enabled'")).toHaveLength(
      2,
    );
    expect(text.match(/privateEndpoints: isPrivate/g)).toHaveLength(2);
  });
});

/** A text of which nothing is known is within them; a number is not. */
function isWithin({ value }: BicepLiteral, limit: Limit | undefined): boolean {
  if (limit === undefined) return typeof value === 'string';
  if (typeof value === 'string') return (limit as readonly unknown[]).includes(value);
  const [min, max] = limit;
  return Number(min) <= value && value <= Number(max);
}

/** A value for an expression of Bicep: what Azure would have put there does not matter for the form. */
function sample(name: string, expression: string): string {
  const [, literal] = /^'([^']*)'$/.exec(expression) ?? [];
  if (literal?.includes('${') === false) return literal;
  if (name === 'DATABASE_URL') {
    // The address that the template has, with a host and a role.
    const { text } = file('infra/service.bicep');
    const [, address = ''] = /var address = '\$\{[^}]+\}([^']+)'/.exec(text) ?? [];
    const replaced = (literal ?? '').replace(
      '${address}',
      `pg.postgres.database.azure.com${address}`,
    );
    return replaced.replace(/\$\{[^}]+\}/, 'acs-identity-production-service');
  }
  if (name === 'KEY_VAULT_URL')
    return (literal ?? '').replace(/\$\{[^}]+\}/, 'kv').replace(/\$\{[^}]+\}/, '.vault.azure.net');
  if (name === 'AUDIT_LOG_ORIGIN') return 'identity.contoso.com/audit';
  if (literal !== undefined) return literal.replace(/\$\{[^}]+\}/, 'contoso');
  return '0f0e0d0c-0000-4000-8000-000000000001';
}

/** Names that are the platform's, not ours. */
const OF_PLATFORM = /^(FUNCTIONS_|AzureWebJobs|WEBSITES?_)/;

describe('the settings', () => {
  const common = file('infra/service.bicep').objects.get('settings') ?? {};
  const known = serviceSettings.flatMap(({ variables }) => variables.map((one) => one.name));

  function environmentOf(host: string): Record<string, string> {
    const own = file(`infra/hosts/${host}.bicep`).objects.get('hostSettings') ?? {};
    const entries = Object.entries({ ...common, ...own });
    return Object.fromEntries(entries.map(([name, written]) => [name, sample(name, written)]));
  }

  it.each([
    ['container-app', {}],
    ['app-service', {}],
    // The host starts the handler with it.
    ['functions', { FUNCTIONS_CUSTOMHANDLER_PORT: '40000' }],
  ])('of %s let the service start', (host, ofHost) => {
    const environment = { ...environmentOf(host), ...ofHost };
    const names = Object.keys(environment);
    expect(names.length).toBeGreaterThan(10);
    const { faults, remarks } = checkService(serviceSettings, environment);
    expect(faults).toEqual([]);
    expect(remarks).toEqual([]);
    expect(known).toEqual(expect.arrayContaining(names.filter((name) => !OF_PLATFORM.test(name))));
  });

  // What each platform sends: its own address as the peer, and headers of which a caller can forge the first value.
  it.each([
    [
      'container-app',
      '::ffff:100.100.0.52',
      { 'x-forwarded-for': '198.51.100.9, 203.0.113.7' },
      {},
    ],
    [
      'app-service',
      '169.254.130.1',
      { 'x-forwarded-for': '198.51.100.9, 10.0.0.4', 'client-ip': '203.0.113.7:50123' },
      {},
    ],
    [
      'functions',
      '127.0.0.1',
      { 'x-forwarded-for': '10.0.0.4', 'client-ip': '203.0.113.7:50123' },
      { FUNCTIONS_CUSTOMHANDLER_PORT: '41000' },
    ],
  ])(
    'of %s give the audit log the addresses of callers',
    (host, remoteAddress, headers, ofHost) => {
      const { values } = checkService(serviceSettings, { ...environmentOf(host), ...ofHost });
      const settings = values.get(authenticationSettings.key) as AuthenticationSettings;
      const raw = { rawHeaders: [], socket: { remoteAddress } };
      const { clientAddress } = new RequestContexts(settings).of({ method: 'GET', headers, raw });
      expect(clientAddress).toBe('203.0.113.7');
    },
  );

  it('of the migration are those of the command, with an identity of its own', () => {
    const [, job = ''] = file('infra/service.bicep').text.split('module migration ');
    const names = [...job.matchAll(/\{ name: '([A-Z_]+)', value: (.+) \}/g)];
    expect(names.length).toBe(5);
    expect([...known, ...COMMAND_LINE_VARIABLES]).toEqual(
      expect.arrayContaining(names.map(([, name]) => name)),
    );
    expect(Object.fromEntries(names.map(([, name, value]) => [name, value]))).toMatchObject({
      AZURE_CLIENT_ID: 'migrationIdentity.outputs.clientId',
      DATABASE_SERVICE_ROLE: 'serviceIdentity.outputs.name',
    });
  });

  it('of a function app include those that every function app needs', () => {
    const needed = JSON.parse(read('deploy/functions/app-settings.json')) as {
      name: string;
      value: string;
    }[];
    const own = file('infra/hosts/functions.bicep').objects.get('hostSettings') ?? {};
    expect(own).toMatchObject(
      Object.fromEntries(needed.map(({ name, value }) => [name, `'${value}'`])),
    );
  });
});

describe('azure.yaml', () => {
  const azd = z
    .strictObject({
      name: z.string().min(2),
      requiredVersions: z.strictObject({ azd: z.string() }),
      infra: z.strictObject({
        provider: z.literal('bicep'),
        path: z.literal('infra'),
        module: z.string(),
      }),
      hooks: z.record(
        z.enum(['preprovision', 'postprovision']),
        z.strictObject({ shell: z.literal('sh'), run: z.string() }),
      ),
    })
    .parse(parse(read('azure.yaml')));
  const { parameters } = z
    .object({ parameters: z.record(z.string(), z.strictObject({ value: z.string() })) })
    .parse(JSON.parse(read('infra/main.parameters.json')));
  const main = file(`infra/${azd.infra.module}.bicep`);
  const page = read('docs/deploying-to-azure.md');

  it('names scripts that exist', () => {
    for (const { run } of Object.values(azd.hooks)) {
      expect(existsSync(join(repositoryRoot, run)), run).toBe(true);
    }
    for (const hook of hooks) {
      for (const [path] of read(hook).matchAll(/infra\/[\w/]+\.(?:sh|sql|bicep)/g)) {
        expect(existsSync(join(repositoryRoot, path)), `${hook}: ${path}`).toBe(true);
      }
    }
  });

  it('has a value for each parameter of the template', () => {
    expect(Object.keys(parameters).sort()).toEqual(main.parameters.map(({ name }) => name).sort());
  });

  it('uses variables that azd, a script, the template or the operator sets', () => {
    const ofAzd = [
      'AZURE_ENV_NAME',
      'AZURE_LOCATION',
      'AZURE_PRINCIPAL_ID',
      'AZURE_PRINCIPAL_TYPE',
    ];
    const set = hooks.flatMap((hook) =>
      [...read(hook).matchAll(/azd env set ([A-Z_]+)/g)].map(([, name]) => name),
    );
    const documented = [...page.matchAll(/`([A-Z_]{5,})`/g)].map(([, name]) => name);
    const used = [
      ...Object.values(parameters).map(
        ({ value }) => /^\$\{([A-Z_]+)(?:=[^}]*)?\}$/.exec(value)?.[1],
      ),
      ...hooks.flatMap((hook) =>
        [...read(hook).matchAll(/\$\{?([A-Z_]{5,})/g)].map(([, name]) => name),
      ),
    ];
    expect(used.length).toBeGreaterThan(20);
    expect([
      ...ofAzd,
      ...set,
      ...main.outputs,
      ...documented,
      'PGPASSWORD',
      'RETRY_SECONDS',
    ]).toEqual(expect.arrayContaining(used));
  });
});
