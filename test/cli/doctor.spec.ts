import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { runDoctor } from '../../apps/cli/src/actions/doctor.js';
import { examine } from '../../apps/cli/src/doctor/examine.js';
import { FINDINGS } from '../../apps/cli/src/doctor/findings.js';
import { runChecks } from '../../apps/cli/src/doctor/run-checks.js';
import { type Emulator, SAMPLE_APPS, startEmulator } from '../../apps/emulator/src/index.js';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { Authenticator } from '#libs/authentication';
import { CommunicationIdentityGateway } from '#libs/communication-services';
import { checkService, examineService, serviceSettings, settingsFor } from '#libs/composition';
import { DatabaseCredential, SystemClock } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { SecretStore } from '#libs/secrets';
import { acsIdentity } from '../support/acs-identity.js';
import { pgbouncerProgram, startPgBouncer } from '../support/pgbouncer.js';
import { relaxedTimeouts } from '../support/service.js';
import { SecretScanner } from '../support/secret-scanner.js';
import { LOG_KEY_SECRET, PREPARED_FAULTS, type Rig } from './doctor-faults.js';
import { standardOutput } from '../../apps/cli/src/standard-output.js';

const standardCertificates = tls.getCACertificates('default');
const logKeySeed = randomBytes(32);
let folder = '';
let emulator: Emulator;
let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-doctor-'));
  [emulator, database] = await Promise.all([
    startEmulator({
      directory: join(folder, 'emulator'),
      secrets: { [LOG_KEY_SECRET]: logKeySeed.toString('base64') },
    }),
    testDatabase(),
  ]);
  pool = new pg.Pool({ connectionString: database.superuserUrl, max: 2 });
  tls.setDefaultCACertificates([...standardCertificates, emulator.caPem]);
  const { clientId, clientSecret } = SAMPLE_APPS['identity-service'];
  vi.stubEnv('AZURE_TENANT_ID', emulator.tenantId);
  vi.stubEnv('AZURE_CLIENT_ID', clientId);
  vi.stubEnv('AZURE_CLIENT_SECRET', clientSecret);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  tls.setDefaultCACertificates(standardCertificates);
  await pool.end();
  await emulator.stop();
  await database.close();
  await rm(folder, { recursive: true });
});

class ShiftedClock extends SystemClock {
  constructor(private readonly offsetMs: number) {
    super();
  }

  override now(): number {
    return super.now() + this.offsetMs;
  }
}

interface Given {
  readonly environment?: Record<string, string>;
  readonly tokenFile?: string;
  readonly clockOffsetMs?: number;
  readonly timeoutMs?: number;
}

function environmentWith(change: Record<string, string> = {}): Record<string, string> {
  return {
    ...apiEnvironment(emulator, database.serviceUrl),
    ...relaxedTimeouts,
    AUTHENTICATION_METADATA_TIMEOUT_MS: '10000',
    ...change,
  };
}

async function examined({ environment, tokenFile, clockOffsetMs = 0, timeoutMs = 30_000 }: Given) {
  const check = await examineService(serviceSettings, environmentWith(environment));
  return examine(check, { clock: new ShiftedClock(clockOffsetMs), tokenFile, timeoutMs });
}

async function rows(sql: string): Promise<{ name: string }[]> {
  return (await pool.query<{ name: string }>(sql.replaceAll('%database', database.name))).rows;
}

function rig(): Rig {
  const undo = (work: () => Promise<void>): void => {
    onTestFinished(work);
  };
  return { emulator, database, folder, standardCertificates, logKeySeed, rows, undo };
}

/** How many rows each table has. */
async function contentOf(): Promise<unknown> {
  return rows(`SELECT relname AS name, (xpath('/row/n/text()', query_to_xml(
      'SELECT count(*) AS n FROM ' || oid::regclass, false, true, '')))[1]::text AS count
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`);
}

describe('acs-identity doctor on a good environment', () => {
  it('finds nothing, and writes nothing to the database, ACS or the checkpoint file', async () => {
    const before = await contentOf();
    const results = await examined({});
    expect(results.flatMap(({ findings }) => findings)).toEqual([]);
    expect(results.filter(({ isSkipped }) => isSkipped)).toEqual([]);
    expect(await contentOf()).toEqual(before);
    expect(await emulator.control.listIdentities()).toEqual([]);
    const calls = await emulator.control.readJournal({ service: 'acs' });
    expect(calls.filter(({ status }) => status !== undefined && status < 400)).toEqual([]);
    const { AUDIT_CHECKPOINT_FILE: file = '' } = environmentWith();
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });

  it('finds nothing against the privileges of a newer release, and says that the schema is of one', async () => {
    await rows(`INSERT INTO schema_migration (timestamp, name) VALUES (1999999999999, 'NextRelease');
      GRANT DELETE ON mapping TO identity_service`);
    onTestFinished(async () => {
      await rows(`DELETE FROM schema_migration WHERE name = 'NextRelease';
        REVOKE DELETE ON mapping FROM identity_service`);
    });
    const results = await examined({});
    expect(results.flatMap(({ findings }) => findings)).toEqual([]);
    const { note } = results.find(({ name }) => name === 'schema') ?? {};
    expect(note).toBe('of a newer release: NextRelease');
  });
});

describe('acs-identity doctor finds', () => {
  it.each(PREPARED_FAULTS)('$code when $fault, and nothing else', async (prepared) => {
    const { code, prepare, names, fix, also = [] } = prepared;
    const results = await examined(await prepare(rig()));
    const findings = results.flatMap((result) => result.findings);
    expect([...new Set(findings.map((one) => one.code))].sort()).toEqual([code, ...also].sort());
    const lines = findings.map((one) => `(${one.subject}): ${one.detail}`).join('\n');
    expect(lines).toMatch(names);
    expect(findings.find((one) => one.code === code)?.fix).toMatch(fix);
    for (const one of findings) expect(`${one.detail}${one.fix}`).not.toContain('\n');
  });

  it('an unreachable Key Vault beside an unreachable database and ACS', async () => {
    const down = 'https://127.0.0.1:1';
    const results = await examined({
      environment: { DATABASE_URL: 'postgres://a:b@127.0.0.1:1/c', KEY_VAULT_URL: down },
    });
    const codes = results.flatMap(({ findings }) => findings.map(({ code }) => code));
    expect(codes.sort()).toEqual(['database-unusable', 'endpoint-unreachable']);
  });

  it('an unreachable Entra ID, whose keys it does not call in order', async () => {
    const results = await examined({ environment: { ENTRA_AUTHORITY: 'https://127.0.0.1:1' } });
    expect(results.flatMap(({ findings }) => findings)).toMatchObject([
      { code: 'endpoint-unreachable' },
    ]);
    expect(results.find(({ name }) => name === 'identity providers')).toMatchObject({
      isSkipped: true,
      note: '127.0.0.1:1 can not be reached',
    });
  });

  it.skipIf(pgbouncerProgram === undefined)(
    'pooler-mode when the pooler gives no transactions, and nothing else',
    async () => {
      const pooler = await startPgBouncer(inject('cluster').port, 'statement');
      onTestFinished(async () => pooler.stop());
      const results = await examined({
        environment: { DATABASE_URL: pooler.urlOf(database.serviceUrl) },
      });
      const findings = results.flatMap((result) => result.findings);
      expect(findings).toMatchObject([{ code: 'pooler-mode' }]);
      expect(findings[0]?.fix).toContain('pool_mode = transaction');
    },
  );

  it.skipIf(pgbouncerProgram === undefined)(
    'database-parameter when sessions behind a pooler are serializable, and nothing else',
    async () => {
      const pooler = await startPgBouncer(inject('cluster').port);
      onTestFinished(async () => pooler.stop());
      const change = `ALTER DATABASE ${database.name}`;
      await pool.query(`${change} SET default_transaction_isolation = serializable`);
      onTestFinished(
        async () => void (await pool.query(`${change} RESET default_transaction_isolation`)),
      );
      const results = await examined({
        environment: { DATABASE_URL: pooler.urlOf(database.serviceUrl) },
      });
      const findings = results.flatMap((result) => result.findings);
      expect(findings).toMatchObject([{ code: 'database-parameter' }]);
      expect(findings[0]?.detail).toContain('default_transaction_isolation (serializable)');
      expect(findings[0]?.fix).toContain('ALTER ROLE … RESET');
    },
  );

  it('each of its codes in a prepared fault, except errors that it does not know', () => {
    const prepared = new Set<string>(PREPARED_FAULTS.map(({ code }) => code));
    const elsewhere = ['check-failed', 'database-parameter', 'pooler-mode'];
    const missing = Object.keys(FINDINGS).filter((code) => !prepared.has(code));
    expect(missing.sort()).toEqual(elsewhere);
  });
});

describe('runChecks', () => {
  it('reports an unknown error as a finding, and the others all the same', async () => {
    const results = await runChecks(
      [
        { name: 'broken', run: async () => Promise.reject(new Error('out of order')) },
        { name: 'good', run: async () => Promise.resolve({ findings: [] }) },
      ],
      { timeoutMs: 10_000 },
    );
    expect(results[0]?.findings).toMatchObject([{ code: 'check-failed', detail: 'out of order' }]);
    expect(results[1]?.findings).toEqual([]);
  });
});

describe('acs-identity doctor, the command', () => {
  it('exits with 0 and says what the service does with a token, without showing it', async () => {
    const token = await emulator.control.mintToken({ person: 'alice' });
    const path = join(folder, 'token');
    await writeFile(path, `${token}\n`);
    const { code, stdout, stderr } = await acsIdentity(
      ['doctor', '--json', '--token-file', path, '--timeout-seconds', '60'],
      { environment: environmentWith() },
    );
    expect(code, stdout + stderr).toBe(0);
    const report = JSON.parse(stdout) as {
      isHealthy: boolean;
      checks: { name: string; note?: string }[];
    };
    expect(report.isHealthy).toBe(true);
    const note = report.checks.find(({ name }) => name === 'token')?.note;
    expect(note).toMatch(/ver=2\.0.*aud=.*accepted: a user with CommunicationToken\.Issue; rule/);
    const scanner = new SecretScanner();
    scanner.forbid(token, ...token.split('.'), emulator.acsAccessKey, 'Alice');
    scanner.assertClean('the output', [stdout, stderr]);
  });

  it('exits with 1 and one line for each finding, with its fix', async () => {
    const { code, stdout } = await acsIdentity(['doctor', '--timeout-seconds', '60'], {
      environment: environmentWith({ ACS_CREDENTIAL_SECRET: 'nothing-here' }),
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAULT {3}secrets/m);
    expect(stdout).toMatch(/^secret-missing \(nothing-here\): .* → create the secret .*$/m);
  });

  it('says what it skipped, and why, where a host has an adapter of its own', async () => {
    const environment = environmentWith();
    delete environment.KEY_VAULT_URL;
    const before = Object.keys(environment).map((name) => [name, process.env[name]] as const);
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const log = vi.spyOn(standardOutput, 'write').mockReturnValue();
    onTestFinished(() => {
      log.mockRestore();
      for (const [name, value] of before) vi.stubEnv(name, value);
    });
    const replace = [{ provide: SecretStore, useValue: {} }];
    await runDoctor({ timeoutSeconds: 60 }, { replace });
    const lines = log.mock.calls.flat().join('').trimEnd();
    for (const part of ['secrets', 'acs resource .*', 'audit log'])
      expect(lines).toMatch(
        new RegExp(`^skipped ${part}: this host has its own SecretStore$`, 'm'),
      );
    expect(lines).toMatch(/^skipped port SecretStore: .*not examined$/m);
    expect(lines).toMatch(/Skipped: .*secrets.*\.$/);
    expect(lines).not.toContain('in order');
    await runDoctor({ timeoutSeconds: 60, json: true }, { replace });
    expect(JSON.parse(log.mock.lastCall?.[0] ?? '')).toMatchObject({ isComplete: false });
  });

  it.each([
    [DatabaseCredential, ['database', 'port DatabaseCredential']],
    [Authenticator, ['identity providers', 'port Authenticator', 'token']],
    [CommunicationIdentityGateway, ['acs resource', 'port CommunicationIdentityGateway']],
  ])('skips what depends on the $name of a host, and nothing else', async (port, names) => {
    const check = checkService(
      settingsFor({ replace: [{ provide: port, useValue: {} }] }),
      environmentWith(),
    );
    const tokenFile = join(folder, 'some-token');
    await writeFile(tokenFile, await emulator.control.mintToken({ person: 'alice' }));
    const options = { clock: new SystemClock(), tokenFile, timeoutMs: 30_000, replaced: [port] };
    const results = await examine(check, options);
    const skipped = results.filter(({ isSkipped }) => isSkipped).map(({ name }) => name);
    for (const name of names)
      expect(skipped).toContainEqual(expect.stringMatching(new RegExp(`^${name}`)));
    expect(skipped).toHaveLength(names.length);
  });

  it('exits with 1 for an unknown option', async () => {
    const { code, stderr } = await acsIdentity(['doctor', '--repair']);
    expect(code).toBe(1);
    expect(stderr).toContain("unknown option '--repair'");
  });
});
