import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cosigner, NoteSigner, NoteVerifier } from '#libs/transparency-log';
import { TestWitness } from '#libs/witness/testing';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { getAudit } from '../support/audit-api.js';
import { call } from '../support/call.js';
import { isCosignedBy, isProven } from '../support/independent-verifier.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const origin = 'localhost/acs-identity';
const seed = Buffer.alloc(32, 5);
const logKey = new NoteSigner(origin, seed).verifier.toString();
const folder = mkdtempSync(join(tmpdir(), 'audit-witnesses-'));
const [keyFile, policyFile, witnessFolder] = ['log.keys', 'policy', 'witness'].map((name) =>
  join(folder, name),
) as [string, string, string];

/** The witness of another team: a process of its own. */
let team: { address: string; kill: () => Promise<void> };
let teamKey = '';
let auditors: TestWitness;

async function runWitness(port = '0'): Promise<typeof team> {
  const args = ['run', '--folder', witnessFolder, '--log-key-file', keyFile, '--port', port];
  const child = spawn(
    process.execPath,
    [`${repositoryRoot}dist/bin/acs-identity.js`, 'audit', 'witness', ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { address } = JSON.parse(line) as { address: string };
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { address, kill };
}

beforeAll(async () => {
  writeFileSync(keyFile, `${logKey}\n`);
  const created = await acsIdentity([
    ...['audit', 'witness', 'create', '--folder', witnessFolder, '--name', 'team.example/w1'],
  ]);
  teamKey = created.stdout.trim();
  team = await runWitness();
  const trust = { origin, verifiers: [NoteVerifier.parse(logKey)] };
  auditors = await TestWitness.start('auditors.example/w1', [trust]);
  writeFileSync(
    policyFile,
    `log ${logKey}
witness team ${teamKey} ${team.address}
${auditors.policyLine}
witness down ${new Cosigner('down.example/w1', Buffer.alloc(32, 6)).verifier.toString()} http://127.0.0.1:1
group two 2 team auditors.example/w1 down
quorum two
`,
  );
});
const service = runningService({
  emulator: { secrets: { 'audit-signing-key': seed.toString('base64') } },
  environment: { AUDIT_WITNESS_POLICY_FILE: policyFile, AUDIT_WITNESS_SECONDS: '1' },
});
afterAll(async () => {
  await team.kill();
  await auditors.stop();
  rmSync(folder, { recursive: true });
});

/** The checkpoint with a quorum, as auditors get it. */
async function witnessed(): Promise<{ size: number; note: string }> {
  const { status, text } = await getAudit(service(), 'grace', 'log/checkpoint/witnessed');
  return status === 200 ? { size: Number(text.split('\n')[1]), note: text } : { size: 0, note: '' };
}

async function verifyWith(...args: string[]): Promise<CommandResult> {
  const { serviceUrl } = service().database;
  return acsIdentity([
    ...['audit', 'verify', '--database-url', serviceUrl, '--witness-policy', policyFile],
    ...args,
  ]);
}

describe('the witnesses of the service', () => {
  it('cosign as a quorum while one is down, and continue after one was killed', async () => {
    const { auditEntry } = await issue(service(), 'alice');
    await expect.poll(async () => (await witnessed()).size).toBeGreaterThan(auditEntry.index);
    const { note } = await witnessed();
    expect(isCosignedBy(note, teamKey)).toBe(true);
    expect(isCosignedBy(note, auditors.verifier.toString())).toBe(true);
    expect(isCosignedBy(note.replace(/\n(\d+)\n/, '\n7$1\n'), teamKey)).toBe(false);

    const { body } = await getAudit(service(), 'grace', `entries/${auditEntry.id}`);
    const proof = (await getAudit(service(), 'grace', `entries/${auditEntry.id}/proof`)).text;
    expect(isCosignedBy(proof.slice(proof.indexOf('\n\n') + 2), teamKey)).toBe(true);
    expect(isProven(JSON.stringify(body.entry), proof, logKey)).toBe(true);

    const { code, stdout } = await verifyWith('--witnessed-within', '10');
    expect(stdout).toMatch(/^Witnessed: the first \d+ entries, by team \(\S+Z\), auditors/m);
    expect(code).toBe(0);
    await expect
      .poll(async () => (await call(service().url, 'get', '/health/ready')).body as unknown)
      .toMatchObject({ status: 'ready', parts: { witnesses: 'degraded' } });

    const { body: health } = await getAudit(service(), 'grace', 'health');
    expect(health.witnesses).toMatchObject({
      hasQuorum: true,
      witnessed: { size: expect.any(Number), cosignedAt: expect.any(String) },
      items: [
        { name: 'team', cosignedSize: expect.any(Number) },
        { name: 'auditors.example/w1' },
        { name: 'down', cosignedSize: 0, failure: 'unavailable' },
      ],
    });
    expect(health.concerns).toContain('the witness down is unavailable');
    expect(health.witnesses.policy).toContain(`witness team ${teamKey}\n`);
    const shown = await acsIdentity(['audit', 'health'], {
      environment: { ...operatorEnvironment(service()), AUDIT_WITNESS_POLICY_FILE: policyFile },
    });
    expect(shown).toMatchObject({ code: 1, stderr: '' });
    expect(shown.stdout).toMatch(/^Quorum: the first \d+ entries, at \S+Z$/m);
    expect(shown.stdout).toMatch(/^Witness team: cosigned \d+ entries$/m);
    expect(shown.stdout).toMatch(/^Witness down: nothing cosigned, FAILS\n {2}unavailable since /m);
    expect(shown.stdout).toMatch(/^Checks of log: .+; findings: 0$/m);

    await team.kill();
    const later = await issue(service(), 'bob');
    team = await runWitness(new URL(team.address).port);
    await expect
      .poll(async () => {
        await service().rows('UPDATE audit_witness SET retry_at = NULL');
        return (await witnessed()).size;
      })
      .toBeGreaterThan(later.auditEntry.index);
    expect(isCosignedBy((await witnessed()).note, teamKey)).toBe(true);
  });
});
