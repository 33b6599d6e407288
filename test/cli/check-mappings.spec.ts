import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MappingCheck } from '#libs/identity-mapping';
import { Database, dataSourceOptions } from '#libs/platform';
import { TEST_CLUSTER, testDatabase } from '#libs/platform/testing';
import { NoteVerifier } from '#libs/transparency-log';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';
import { publicKey } from '../support/audit-api.js';
import { firstCall } from '../support/first-calls.js';
import { IdentitiesApi } from '../support/identities-api.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { type IssuedToken, issue, newPerson } from '../support/tokens-api.js';

const service = runningService({
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
});
const api = new IdentitiesApi(service);
const auditorRole = `auditor_${randomBytes(4).toString('hex')}`;
let key = '';
let alice: IssuedToken['identity'];
let carol: IssuedToken['identity'];

interface Report {
  readonly rows: number;
  readonly differences: readonly { readonly kind: string; readonly mapping: string }[];
}

/** Runs the command as the operator of the service. */
async function check(...args: string[]): Promise<CommandResult> {
  const environment = operatorEnvironment(service());
  return acsIdentity(['audit', 'check-mappings', '--public-key', key, ...args], { environment });
}

/** Runs the command as the auditor: with a role that reads, a public key, and no other environment. */
async function checkAsAuditor(...args: string[]): Promise<CommandResult> {
  const { serviceUrl } = service().database;
  const url = serviceUrl.replace(TEST_CLUSTER.serviceRole, auditorRole);
  const options = ['--read-only', '--database-url', url, '--public-key', key];
  return commandHere(['audit', 'check-mappings', ...options, ...args]);
}

/** Changes rows as the superuser, without triggers. */
async function tamper(sql: string): Promise<void> {
  await service().rows(
    `SET session_replication_role = replica; ${sql}; RESET session_replication_role`,
  );
}

async function swapIdentities(): Promise<void> {
  const [one, other] = [alice, carol].map(({ id }) => id);
  await tamper(`
    CREATE TEMP TABLE swapped AS SELECT id, communication_user_id FROM mapping WHERE id IN ('${one}', '${other}');
    UPDATE mapping SET communication_user_id = id::text WHERE id IN ('${one}', '${other}');
    UPDATE mapping m SET communication_user_id = s.communication_user_id
    FROM swapped s WHERE s.id <> m.id AND m.id IN ('${one}', '${other}');
    DROP TABLE swapped`);
}

/** The statements by which docs/operations.md creates the auditor's role. */
async function documentedGrants(): Promise<string> {
  const text = await readFile(`${repositoryRoot}docs/operations.md`, 'utf8');
  const [, sql] = /```sql\n(CREATE ROLE identity_auditor [^`]*)```/.exec(text) ?? [];
  if (sql === undefined) throw new Error('docs/operations.md creates no role identity_auditor');
  return sql.replaceAll('identity_auditor', auditorRole).replace('…', TEST_CLUSTER.password);
}

beforeAll(async () => {
  key = await publicKey(service());
  await service().rows(await documentedGrants());
  alice = (await issue(service(), 'alice')).identity;
  carol = (await issue(service(), await newPerson(service()))).identity;
  await issue(service(), 'alice');
  // One of every fate: suspended, deleted, erased.
  const [suspended, deleted, erased] = await Promise.all(
    [1, 2, 3].map(async (nth) => api.create(undefined, { displayName: `Person ${nth}` })),
  );
  const idOf = (answer: { body: unknown } | undefined) => (answer?.body as { id: string }).id;
  await api.asAda('patch', `/v1/identities/${idOf(suspended)}`, { body: { status: 'suspended' } });
  await api.asAda('delete', `/v1/identities/${idOf(deleted)}`);
  const { subject } = erased?.body as { subject: string };
  await api.asAda('post', '/v1/identities/erase', { body: { subject } });
  const { tenantId } = service().emulator;
  const person = ['--tenant', tenantId, '--subject', subject, '--yes'];
  const environment = operatorEnvironment(service());
  expect((await acsIdentity(['audit', 'erase', ...person], { environment })).code).toBe(0);
});
afterAll(async () => {
  await service().rows(`DROP OWNED BY ${auditorRole}; DROP ROLE ${auditorRole}`);
});

describe('acs-identity audit check-mappings', () => {
  it('finds the mappings as the log recorded them, and records itself with its result', async () => {
    const { code, stdout, stderr } = await check('--operator', 'olivia');
    expect(stderr).toBe('');
    expect(stdout).toContain('The mappings agree with the log.');
    expect(stdout).toContain('5 mappings: 5 agree, 0 differ, 0 not compared in full, 0 pending');
    expect(code).toBe(0);
    expect(await service().newestEntry()).toMatchObject({
      action: 'audit.read',
      actor: { kind: 'operator', name: 'olivia' },
      details: { route: 'check-mappings', mappings: 5, differences: 0, unchecked: 0 },
    });
  });

  it('names both rows that a superuser has swapped, with their entries, and exits with 1', async () => {
    await swapIdentities();
    const [{ code, stdout }, json] = [await check(), await checkAsAuditor('--json')];
    await swapIdentities();
    expect(stdout).toContain('The mappings do NOT agree with the log: 2 differences.');
    const entries = await service().rows<{ id: string; index: string }>(
      `SELECT identity_id AS id, entry_index AS index FROM audit_entry WHERE action = 'identity.create'`,
    );
    for (const { id } of [alice, carol]) {
      const { index = '' } = entries.find((entry) => entry.id === id) ?? {};
      expect(stdout).toMatch(
        new RegExp(`^${id} +${index}  column-differs: communication_user_id$`, 'm'),
      );
    }
    expect(code).toBe(1);
    expect(json.code).toBe(1);
    const { differences } = JSON.parse(json.stdout) as Report;
    expect(differences.map(({ mapping }) => mapping).sort()).toEqual([alice.id, carol.id].sort());
  });

  it('works with the auditor’s role, which only reads; then nothing is recorded', async () => {
    const entriesBefore = (await service().auditEntries()).length;
    const { code, stdout, stderr } = await checkAsAuditor('--json');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ rows: 5, agreeing: 5, differenceCount: 0 });
    expect((await service().auditEntries()).length).toBe(entriesBefore);
    await service().rows(`REVOKE SELECT ON mapping FROM ${auditorRole}`);
    const refused = await checkAsAuditor();
    await service().rows(`GRANT SELECT ON mapping TO ${auditorRole}`);
    expect(refused.stderr).toContain('permission denied for table mapping');
    expect(refused.code).toBe(1);
  });

  it('does not believe a log that was changed together with the rows', async () => {
    const edit = (from: string, to: string) => `
      UPDATE audit_entry SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '${from}', '${to}'), 'UTF8'),
        communication_user_id = replace(communication_user_id, '${from}', '${to}')
      WHERE identity_id = '${alice.id}';
      UPDATE mapping SET communication_user_id = '${to}' WHERE id = '${alice.id}'`;
    await tamper(edit(alice.communicationUserId, '8:acs:forged'));
    const { code, stdout } = await checkAsAuditor();
    await tamper(edit('8:acs:forged', alice.communicationUserId));
    expect(stdout).toContain('The log is NOT whole.');
    expect(stdout).toContain('The mappings were not compared');
    expect(code).toBe(1);
    expect((await checkAsAuditor()).code).toBe(0);
  });

  it('gives no false alarm while people make their first calls', { timeout: 120_000 }, async () => {
    const checks = { areOver: false };
    const calling = Array.from({ length: 4 }, async () => {
      while (!checks.areOver) await firstCall(service().url, await newPerson(service()));
    });
    const url = service().database.serviceUrl;
    const source = new DataSource(dataSourceOptions({ url, poolSize: 2, timeoutMs: 60_000 }));
    const check = new MappingCheck(new Database(source));
    const verifier = NoteVerifier.parse(key);
    const trust = { origin: verifier.name, verifiers: [verifier], known: [] };
    const rows = new Set<number>();
    try {
      while (rows.size < 4) {
        const report = await check.run(trust);
        expect(report.log.faults).toEqual([]);
        expect(report.differences).toEqual([]);
        expect(report.unchecked).toBe(0);
        rows.add(report.rows);
      }
    } finally {
      checks.areOver = true;
      await Promise.all(calling);
      await source.destroy();
    }
    expect((await checkAsAuditor()).code).toBe(0);
  });

  it('exits with 2 when there is nothing to check', async () => {
    const empty = await testDatabase();
    const url = ['--read-only', '--database-url', empty.serviceUrl, '--public-key', key];
    const { code, stdout } = await commandHere(['audit', 'check-mappings', ...url]);
    await empty.close();
    expect(stdout).toContain('There is nothing to check');
    expect(code).toBe(2);
  });
});
