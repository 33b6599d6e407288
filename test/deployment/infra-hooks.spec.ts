import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrate } from '../../apps/cli/src/actions/migrate.js';
import { repositoryRoot } from '../support/root.js';
import { azCallsIn, unknownToAz } from './azure-commands.js';

const HOOKS = join(repositoryRoot, 'infra/hooks');

describe('the SQL of the hooks', () => {
  const id = randomBytes(4).toString('hex');
  const [deployer, successor, service, migration] = [
    ...['deployer', 'successor', 'service', 'migration'],
  ].map((name) => `infra-${name}-${id}`) as [string, string, string, string];
  const database = `infra_${id}`;
  const { superuserUrl } = inject('cluster');
  const urlOf = (role: string, name: string): string => {
    const url = new URL(superuserUrl);
    url.username = role;
    url.password = 'test';
    url.pathname = `/${name}`;
    return url.href;
  };

  async function run(url: string, sql: string): Promise<pg.QueryResult[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const results: pg.QueryResult[] = [];
      for (const statement of sql.split(/;\n|\\gexec\n/)) {
        if (statement.trim() !== '') results.push(await client.query(statement));
      }
      return results;
    } finally {
      await client.end();
    }
  }

  /** A file with the variables that psql would put in, for a database of this spec. */
  function fileOf(name: string): string {
    return readFileSync(join(HOOKS, name), 'utf8')
      .replaceAll(":'service'", `'${service}'`)
      .replaceAll(":'migration'", `'${migration}'`)
      .replaceAll(':"migration"', `"${migration}"`)
      .replaceAll(/DATABASE identity\b/g, `DATABASE ${database}`)
      .replaceAll("datname = 'identity'", `datname = '${database}'`);
  }

  /** As psql does: `\gexec` runs what the query before it returned. */
  async function prepare(administrator = deployer): Promise<void> {
    const [create = '', rest = ''] = fileOf('roles.sql').split(' \\gexec\n');
    const [, created] = await run(urlOf(administrator, 'postgres'), create);
    for (const row of (created?.rows ?? []) as Record<string, string>[]) {
      await run(urlOf(administrator, 'postgres'), Object.values(row).join(';\n'));
    }
    await run(urlOf(administrator, 'postgres'), rest);
    await run(urlOf(administrator, database), fileOf('owner.sql'));
  }

  beforeAll(async () => {
    // Entra administrators of Azure: no superusers, and no administrators of roles that the function has created.
    await run(
      superuserUrl,
      `CREATE ROLE azure_pg_admin NOLOGIN;
       CREATE ROLE "${deployer}" LOGIN PASSWORD 'test' CREATEDB CREATEROLE IN ROLE azure_pg_admin;
       CREATE ROLE "${successor}" LOGIN PASSWORD 'test' CREATEDB CREATEROLE IN ROLE azure_pg_admin;
       CREATE FUNCTION pgaadauth_create_principal(name text, is_admin boolean, is_mfa boolean)
       RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
       $$ BEGIN EXECUTE format('CREATE ROLE %I LOGIN PASSWORD ''test''', name); RETURN name; END $$`,
    );
  });
  afterAll(async () => {
    await run(superuserUrl, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await run(
      superuserUrl,
      `DROP FUNCTION pgaadauth_create_principal; DROP ROLE "${deployer}", "${successor}", "${service}", "${migration}", azure_pg_admin`,
    );
  });

  it('is enough for the migration, and gives the service no more than its grants', async () => {
    await prepare();
    const options = { databaseUrl: urlOf(migration, database), serviceRole: service };
    // It fails when the role of the service can do more.
    expect((await migrate(options)).done.length).toBeGreaterThan(10);
    const [found] = await run(urlOf(service, database), 'SELECT count(*) FROM mapping');
    expect(found?.rows).toEqual([{ count: '0' }]);
  });

  it('can be repeated', async () => {
    await prepare();
    const options = { databaseUrl: urlOf(migration, database), serviceRole: service };
    expect(await migrate(options)).toEqual({ done: [], newer: [] });
  });

  it('can be repeated by another administrator, who may grant as the first one', async () => {
    const name = `"${migration}"`;
    await run(urlOf(deployer, database), `REVOKE CREATE ON DATABASE ${database} FROM ${name}`);
    await prepare(successor);
    const granted = `SELECT has_database_privilege('${database}', 'CREATE') AS "mayCreate"`;
    const [found] = await run(urlOf(migration, database), granted);
    expect(found?.rows).toEqual([{ mayCreate: true }]);
  });
});

describe('the calls of az', () => {
  it('have arguments that it has, in scripts and in pages', () => {
    const paths = ['infra/hooks/*.sh', 'docs/**/*.md', '*.md', 'deploy/**/*.md'];
    const calls = globSync(paths, { cwd: repositoryRoot })
      .filter((path) => path !== 'CHANGELOG.md')
      .flatMap((path) => azCallsIn(readFileSync(join(repositoryRoot, path), 'utf8')));
    expect(calls.length).toBeGreaterThan(30);
    expect(calls.flatMap(unknownToAz)).toEqual([]);
  });
});

describe('the hooks', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'acs-identity-hooks-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a hook with stand-ins of the programs that call Azure. @returns its exit code and the calls */
  function hook(
    name: string,
    answers: Readonly<Record<string, string>>,
    environment: Readonly<Record<string, string>> = {},
  ): { status: number | null; calls: string[] } {
    const log = join(folder, 'calls');
    writeFileSync(log, '');
    const cases = Object.entries({ 'az version': 'echo 2.86.0', ...answers }).map(
      ([words, answer]) => `"${words}"*) ${answer} ;;`,
    );
    for (const program of ['az', 'azd', 'psql']) {
      writeFileSync(
        join(folder, program),
        `#!/bin/sh\necho "${program} $*" >>'${log}'\ncase "${program} $*" in\n${cases.join('\n')}\nesac\n`,
        { mode: 0o755 },
      );
    }
    const { status } = spawnSync('sh', [join(HOOKS, name)], {
      timeout: 60_000,
      cwd: repositoryRoot,
      env: {
        PATH: `${folder}:${process.env.PATH ?? ''}`,
        ...{ RETRY_SECONDS: '0', AZURE_ENV_NAME: 'test', AZURE_LOCATION: 'westeurope' },
        ...{ AZURE_RESOURCE_GROUP: 'rg', AZURE_PRINCIPAL_NAME: 'deployer', KEY_VAULT_NAME: 'kv' },
        ...{
          DATABASE_HOST: 'pg.example',
          DEPLOYER_ADDRESS: '203.0.113.7',
          SERVICE_URL: 'https://x',
        },
        ...{ SERVICE_ROLE: 's', MIGRATION_ROLE: 'm', MIGRATION_JOB: 'migrate' },
        SERVICE_PREPARED: 'true',
        ...{ ENTRA_TENANT_ID: 't', ENTRA_AUDIENCE: 'a', AUDIT_LOG_ORIGIN: 'x/audit' },
        ...environment,
      },
    });
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    const ofAz = calls.filter((call) => call.startsWith('az '));
    expect(ofAz.flatMap(unknownToAz)).toEqual([]);
    return { status, calls };
  }

  const SUCCEEDS = {
    'az containerapp job start': 'echo run-1',
    'az containerapp job execution show': 'echo Succeeded',
  };
  const starting = (calls: string[], words: string): string[] =>
    calls.filter((call) => call.startsWith(words));

  it('create the secrets that are missing, and never replace one', () => {
    const first = hook('postprovision.sh', SUCCEEDS);
    expect(first.status).toBe(0);
    expect(starting(first.calls, 'az keyvault secret set')).toHaveLength(2);
    const second = hook('postprovision.sh', {
      ...SUCCEEDS,
      'az keyvault secret list': 'echo audit-signing-key; echo audit-fingerprint-key',
    });
    expect(second.status).toBe(0);
    expect(starting(second.calls, 'az keyvault secret set')).toEqual([]);
  });

  it('write no secret while the vault can not be read', () => {
    const { status, calls } = hook('postprovision.sh', { 'az keyvault secret list': 'exit 1' });
    expect(status).toBe(1);
    expect(calls.filter((call) => !call.startsWith('az keyvault secret list'))).toEqual([]);
  });

  it('close the firewall of the database again, also after a failure', () => {
    const { status, calls } = hook('postprovision.sh', { ...SUCCEEDS, psql: 'exit 3' });
    expect(status).not.toBe(0);
    expect(calls.at(-1)).toMatch(/^az postgres flexible-server firewall-rule delete /);
    expect(starting(calls, 'az containerapp job')).toEqual([]);
  });

  it('leave the firewall alone with private endpoints', () => {
    const { status, calls } = hook('postprovision.sh', SUCCEEDS, { PRIVATE_ENDPOINTS: 'true' });
    expect(status).toBe(0);
    expect(starting(calls, 'az postgres')).toEqual([]);
  });

  it('migrate with the new image before the new release, and not at the first installation', () => {
    const upgrade = hook('preprovision.sh', { ...SUCCEEDS, 'az group show': 'echo /id' });
    expect(upgrade.status).toBe(0);
    const order = ['az acr build', 'az containerapp job update', 'az containerapp job start'];
    const places = order.map((words) => upgrade.calls.findIndex((call) => call.startsWith(words)));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
    const [image] =
      /acsidentity\w+\.azurecr\.io\/acs-identity:\w+/.exec(upgrade.calls.join('\n')) ?? [];
    expect(starting(upgrade.calls, 'azd env set SERVICE_IMAGE')).toEqual([
      `azd env set SERVICE_IMAGE ${image ?? ''}`,
    ]);
    const first = hook(
      'preprovision.sh',
      { 'az group show': 'echo /id' },
      { MIGRATION_JOB: '', SERVICE_PREPARED: '' },
    );
    expect(first.status).toBe(0);
    expect(starting(first.calls, 'az containerapp job')).toEqual([]);
  });

  it('end the upgrade when the migration fails', () => {
    const failing = { ...SUCCEEDS, 'az containerapp job execution show': 'echo Failed' };
    expect(hook('preprovision.sh', failing).status).toBe(1);
  });

  it.each(['ENTRA_TENANT_ID', 'ENTRA_AUDIENCE', 'AUDIT_LOG_ORIGIN', 'DEPLOYER_ADDRESS'])(
    'end before anything is created when %s is missing',
    (name) => {
      const { status, calls } = hook('preprovision.sh', {}, { [name]: '' });
      expect(status).not.toBe(0);
      expect(calls).toEqual(['']);
    },
  );

  it('need no address of who deploys with private endpoints', () => {
    const changes = { DEPLOYER_ADDRESS: '', PRIVATE_ENDPOINTS: 'true' };
    const { status } = hook(
      'preprovision.sh',
      { ...SUCCEEDS, 'az group show': 'echo /id' },
      changes,
    );
    expect(status).toBe(0);
  });

  it.each(['2.85.0', '2.9.1', ''])('end before anything is created with az %s', (version) => {
    const answers = { 'az version': `echo ${version}` };
    const { status, calls } = hook('preprovision.sh', answers);
    expect(status).toBe(1);
    expect(calls.filter((call) => !call.startsWith('az version'))).toEqual([]);
  });

  it.each([
    ['of who is signed in, at each run', {}, 'second@contoso.com'],
    ['that the operator has set', { DEPLOYER_NAME: 'pipeline' }, 'pipeline'],
  ])('sign in to the database with the name %s', (_of, environment, name) => {
    const answers = {
      ...SUCCEEDS,
      'az group show': 'echo /id',
      'az ad signed-in-user show': 'echo second@contoso.com',
    };
    const stored = { AZURE_PRINCIPAL_NAME: 'first@contoso.com' };
    const { status, calls } = hook('preprovision.sh', answers, { ...stored, ...environment });
    expect(status).toBe(0);
    expect(starting(calls, 'azd env set AZURE_PRINCIPAL_NAME')).toEqual([
      `azd env set AZURE_PRINCIPAL_NAME ${name}`,
    ]);
  });

  it('let the service be created once its secrets, its database and its schema are there', () => {
    const done = 'azd env set SERVICE_PREPARED true';
    const first = hook('postprovision.sh', SUCCEEDS, { SERVICE_PREPARED: '', SERVICE_URL: '' });
    expect(first.status).toBe(0);
    const migrated = first.calls.findIndex((call) => call.startsWith('az containerapp job'));
    expect(first.calls.indexOf(done)).toBeGreaterThan(migrated);
    for (const failing of [
      { ...SUCCEEDS, psql: 'exit 3' },
      { ...SUCCEEDS, 'az containerapp job execution show': 'echo Failed' },
    ]) {
      expect(hook('postprovision.sh', failing).calls).not.toContain(done);
    }
  });

  it('can be repeated after a first installation that was not finished', () => {
    const { status, calls } = hook(
      'preprovision.sh',
      { 'az group show': 'echo /id', 'az containerapp job': 'exit 1' },
      { SERVICE_PREPARED: '' },
    );
    expect(status).toBe(0);
    expect(starting(calls, 'az containerapp job')).toEqual([]);
  });
});
