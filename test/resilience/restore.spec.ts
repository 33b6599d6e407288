import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { TEST_CLUSTER } from '#libs/platform/testing';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { call } from '../support/call.js';
import { IdentitiesApi } from '../support/identities-api.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { issue, newPerson, type Person, requestToken } from '../support/tokens-api.js';

const RUNBOOK = readFileSync(join(repositoryRoot, 'docs/restoring.md'), 'utf8');
/** The files that the commands of the runbook name. */
const FILES = ['copy', 'log.keys', 'newest-checkpoint.txt', 'audit.ndjson'];

const service = runningService();
const identities = new IdentitiesApi(service);
let folder = '';
/** Erased after the backup. */
let erased: Person;
/** Suspended after the backup. */
let suspended = '';
/** What the operator decides. */
let decided: Record<string, string> = {};

const inFolder = (name: string): string => join(folder, name);

async function run(args: readonly string[], more: Record<string, string> = {}) {
  return acsIdentity(args, {
    environment: { ...operatorEnvironment(service()), ...decided, ...more },
  });
}

/** Runs a command of the runbook as it is there, with its files in a folder. */
async function documented(start: string, more: readonly string[] = []): Promise<CommandResult> {
  const line = RUNBOOK.split('\n').find((one) => one.startsWith(`acs-identity ${start}`));
  if (line === undefined) throw new Error(`the runbook has no command ${start}`);
  const [command = ''] = line.replace('--database-url … ', '').split('#');
  const args = command.trim().split(/\s+/).slice(1);
  const paths = args.map((arg) => (FILES.includes(arg) ? inFolder(arg) : arg));
  // `verify` is run elsewhere too: it reads no address from the environment.
  const database =
    start === 'audit verify' ? ['--database-url', service().database.serviceUrl] : [];
  return run([...paths, ...database, ...more]);
}

/** Saves what an auditor downloads. */
async function save(name: string, path: string): Promise<void> {
  const authorization = `Bearer ${await service().token('grace')}`;
  const response = await fetch(`${service().url}/v1/audit/${path}`, { headers: { authorization } });
  expect(response.status, path).toBe(200);
  await writeFile(inFolder(name), await response.text());
}

async function erase({ oid: subject }: Person): Promise<void> {
  const scp = 'AuditLog.Read.All AuditLog.Erase.All';
  const claims = { scp, roles: scp.split(' ') };
  const token = await service().emulator.control.mintToken({ person: 'grace', claims });
  const body = { tenant: service().emulator.tenantId, subject };
  const { status, text } = await call(service().url, 'post', '/v1/audit/erase', { token, body });
  expect(status, text).toBe(200);
}

async function asSuperuser(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: inject('cluster').superuserUrl });
  await client.connect();
  for (const sql of statements) await client.query(sql);
  await client.end();
}

/** Copies the files of a database that nobody uses. */
async function copyDatabase(from: string, to: string): Promise<void> {
  await asSuperuser(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${from}'`,
    `DROP DATABASE IF EXISTS ${to} WITH (FORCE)`,
    `CREATE DATABASE ${to} TEMPLATE ${from} OWNER ${TEST_CLUSTER.ownerRole}`,
  );
}

async function stopReplicas(): Promise<void> {
  await Promise.all(
    service()
      .apis.splice(0)
      .map(async (api) => api.stop()),
  );
}

/** How many stored values the person has. */
async function valuesOf({ oid }: Person): Promise<number> {
  const [row] = await service().rows<{ values: string }>(
    `SELECT count(*) AS values FROM audit_personal p JOIN audit_entry e USING (recorded_at, entry_index)
     WHERE e.actor_subject = $1 AND p.whose = 'actor'`,
    [oid],
  );
  return Number(row?.values);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-restore-'));
  const { name } = service().database;
  erased = await newPerson(service());
  await issue(service(), erased);
  suspended = ((await identities.create()).body as { id: string }).id;
  await stopReplicas();
  await copyDatabase(name, `${name}_backup`);

  await service().addApi();
  await erase(erased);
  await identities.asAda('patch', `/v1/identities/${suspended}`, { body: { status: 'suspended' } });
  await save('log.keys', 'log/keys');
  await save('audit.ndjson', 'export?format=ndjson');
  await save('newest-checkpoint.txt', 'log/checkpoint');
  const copy = ['audit', 'copy', '--url', service().url, '--folder', inFolder('copy')];
  await run(copy, { ACS_IDENTITY_TOKEN: await service().token('grace') });

  await stopReplicas();
  await copyDatabase(`${name}_backup`, name);
});
afterAll(async () => {
  await asSuperuser(`DROP DATABASE IF EXISTS ${service().database.name}_backup WITH (FORCE)`);
  await rm(folder, { recursive: true, force: true });
});

describe('a database that was restored from an older backup', () => {
  it('is shorter than the newest checkpoint, and whole otherwise; the copy has the rest', async () => {
    const migrated = await run(
      ['migrate', '--database-url', service().database.ownerUrl].concat(
        ...['--service-role', TEST_CLUSTER.serviceRole],
      ),
    );
    expect(migrated.stdout).toContain('up to date');
    for (const command of ['audit verify', 'audit check-mappings']) {
      const { code, stdout, stderr } = await documented(command);
      expect(code, stderr).toBe(1);
      expect(stdout + stderr).toContain('the log is shorter than before');
    }
    const keys = ['--public-key-file', inFolder('log.keys')];
    const url = ['--database-url', service().database.serviceUrl];
    expect((await run(['audit', 'verify', ...url, ...keys])).code).toBe(0);
    const copy = ['--folder', inFolder('copy'), '--known', inFolder('newest-checkpoint.txt')];
    expect((await run(['audit', 'verify', ...copy, ...keys])).code).toBe(0);
  });

  it('records and issues nothing until the operator decides', async () => {
    await service().addApi();
    const { body } = await call(service().url, 'get', '/health/ready');
    expect(body).toMatchObject({ status: 'not ready', parts: { audit: 'not ready' } });
    expect((await requestToken(service(), 'alice')).status).toBe(503);
    await stopReplicas();
    const refused = await documented('audit erase-again --folder', ['--yes']);
    expect(refused.code).not.toBe(0);
    expect(await valuesOf(erased)).toBeGreaterThan(0);
    decided = {
      AUDIT_LOG_ORIGIN: 'localhost/acs-identity-restored',
      AUDIT_LOG_PREVIOUS_ORIGIN: 'localhost/acs-identity',
      AUDIT_CHECKPOINT_FILE: inFolder('checkpoint'),
    };
  });

  it('has erased values again, which a copy and an export reveal, and which are erased again', async () => {
    // The erasure itself was lost.
    expect((await documented('audit erase-again --check')).code).toBe(0);
    for (const command of ['audit erase-again --folder', 'audit erase-again --export']) {
      const { code, stdout } = await documented(command, ['--check']);
      expect(code, command).toBe(1);
      expect(stdout).toContain(erased.oid);
    }
    const again = await documented('audit erase-again --folder', ['--yes']);
    expect(again.code, again.stderr).toBe(0);
    expect(await valuesOf(erased)).toBe(0);
    const since = await documented('audit erase-again --export', ['--check']);
    expect(since.stdout).toContain('No erased value is back.');
  });

  it('continues under a new name, and verifies with the keys of both', async () => {
    await service().addApi(decided);
    // Until a lease has expired that a replica of the restored log may have left.
    await expect.poll(async () => (await requestToken(service(), 'alice')).status).toBe(200);
    const path = `/v1/identities/${suspended}`;
    expect((await identities.asAda('get', path)).body).toMatchObject({ status: 'active' });
    await identities.asAda('patch', path, { body: { status: 'suspended' } });

    const listed = await run(['audit', 'keys']);
    const [current, retired] = listed.stdout.trim().split('\n');
    expect(current).toMatch(/^localhost\/acs-identity-restored\+/);
    expect(retired).toMatch(/^localhost\/acs-identity\+.* until \d+$/);
    await writeFile(inFolder('new.keys'), listed.stdout);
    for (const command of ['verify', 'check-mappings']) {
      const { code, stdout, stderr } = await run([
        ...['audit', command, '--database-url', service().database.serviceUrl],
        ...['--public-key-file', inFolder('new.keys')],
      ]);
      expect(code, stdout + stderr).toBe(0);
    }
  });
});
