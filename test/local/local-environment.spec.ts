import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { inTerminal, ProjectCopy, type Run } from '../support/project-copy.js';

/** Started by turns: each test leaves nothing running. */
let copy: ProjectCopy;

beforeAll(async () => {
  copy = await ProjectCopy.ofLocalEnvironment();
});

afterAll(async () => copy[Symbol.asyncDispose]());

/** As a terminal receives it. */
const CTRL_C = '\u0003';
const isLinux = process.platform === 'linux';

describe.runIf(isLinux)('the local environment', { timeout: 180_000 }, () => {
  describe('while it runs', () => {
    let run: Run;
    /** Of another one, started while this one started. */
    let second: Run;
    /** Of a port that another program had. */
    let taken = 0;

    const secondIsRefused = async (): Promise<void> => {
      expect(await second.ended).toBe(1);
      expect(second.output().trim()).toMatch(
        /^The local environment is already running, as process \d+: .* kill \d+\.$/,
      );
    };

    beforeAll(async () => {
      const file = join(copy.folder, '.local/ports.json');
      const ports = z
        .record(z.string(), z.number())
        .parse(JSON.parse(await readFile(file, 'utf8')));
      taken = ports.keyVault ?? 0;
      const other = createServer().listen(taken, '127.0.0.1');
      await once(other, 'listening');
      // Its input is closed at once, which is not the end of a terminal.
      run = copy.run([process.execPath, copy.main], { hasInput: true });
      run.child.stdin?.end();
      await vi.waitUntil(() => run.output().includes('Starting PostgreSQL'), 60_000);
      second = copy.run([process.execPath, copy.main]);
      await second.ended;
      await copy.untilReady(run);
      other.close();
    }, 120_000);

    it('says which of its ports was taken, and has moved it', () => {
      expect(run.output()).toMatch(`Port ${taken} (keyVault) is in use; it is `);
    });

    it('refuses another one, without harm to itself, also while it started', async () => {
      await secondIsRefused();
      second = copy.run([process.execPath, copy.main]);
      await secondIsRefused();
    });

    it('has printed its addresses, how to trust its CA, and who may erase', async () => {
      const { emulator, apiUrl, sampleUrl, caFile } = z
        .object({
          apiUrl: z.string(),
          sampleUrl: z.string(),
          caFile: z.string(),
          emulator: z.record(z.string(), z.string()),
        })
        .parse(JSON.parse(await readFile(join(copy.folder, '.local/environment.json'), 'utf8')));
      await expect.poll(() => run.output()).toContain('Others for npm run');
      for (const text of [...Object.values(emulator), apiUrl, `NODE_EXTRA_CA_CERTS=${caFile}`]) {
        expect(run.output()).toContain(text);
      }
      expect(run.output()).toContain(`Ready: open ${sampleUrl}, and sign in`);
      // None is for other machines: another address of this one reaches none of them.
      for (const url of [...Object.values(emulator), apiUrl, sampleUrl]) {
        const elsewhere = url.replace(/localhost|127\.0\.0\.1/, '127.0.0.2');
        await expect(fetch(elsewhere), elsewhere).rejects.toThrow('fetch failed');
      }
      expect(run.output()).toContain('erin (AuditLog.Erase.All)');
      const token = copy.run([
        process.execPath,
        join(copy.folder, 'dist/apps/local/src/token.js'),
        'erin',
      ]);
      expect(await token.ended).toBe(0);
      const claims = Buffer.from(token.output().split('.')[1] ?? '', 'base64url').toString();
      expect(claims).toContain('AuditLog.Erase.All');
      const refused = await fetch(`${apiUrl}/v1/me`, { headers: { authorization: 'Bearer none' } });
      expect(refused.status).toBe(401);
      await expect
        .poll(async () => readFile(join(copy.folder, '.local/api.log'), 'utf8'))
        .toContain('caller refused');
      const doctor = `set -a; . .local/api.env; exec "${process.execPath}" dist/bin/acs-identity.js doctor`;
      const examined = copy.run(['/bin/sh', '-c', doctor]);
      expect(await examined.ended, examined.output()).toBe(0);
    });

    it('starts again in a terminal that has its variables, with another name of the log', async () => {
      const variables = await readFile(join(copy.folder, '.local/api.env'), 'utf8');
      run.child.kill('SIGTERM');
      expect(await run.ended).toBe(0);
      await copy.untilNothingRuns();
      await expect(readFile(join(copy.folder, '.local/api.env'))).rejects.toThrow('ENOENT');
      const file = join(copy.folder, 'sourced.env');
      await writeFile(file, variables);
      const start = `set -a; . ./sourced.env; AUDIT_LOG_ORIGIN=localhost/restored; AUDIT_LOG_PREVIOUS_ORIGIN=localhost/acs-identity; AUDIT_CHECKPOINT_FILE=; KEY_VAULT_URL=https://vault.test; exec "${process.execPath}" "${copy.main}"`;
      const again = copy.run(inTerminal(start), { hasInput: true });
      await copy.untilReady(again);
      expect(again.output()).toContain('because npm start sets them: KEY_VAULT_URL.');
      const now = await readFile(join(copy.folder, '.local/api.env'), 'utf8');
      expect(now).toContain("AUDIT_LOG_ORIGIN='localhost/restored'");
      expect(now).not.toContain('vault.test');
      again.child.stdin?.write(CTRL_C);
      await copy.untilNothingRuns();
    });
  });

  it('names the api’s port when another program has it, and the remedy', async () => {
    const other = createServer().listen(0, 'localhost');
    await once(other, 'listening');
    const address = other.address();
    const PORT = String(typeof address === 'object' ? address?.port : '');
    const run = copy.run([process.execPath, copy.main], { environment: { PORT } });
    expect(await run.ended).toBe(1);
    other.close();
    expect(run.output()).toContain(`Port ${PORT} is in use.`);
    expect(run.output()).toContain('npm start');
    expect(run.output()).not.toMatch(/\n\s+at /);
    await copy.untilNothingRuns();
  });
});
