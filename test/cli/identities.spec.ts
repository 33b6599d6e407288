import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { runningService } from '../support/running-service.js';
import { IdentitiesApi } from '../support/identities-api.js';

const service = runningService();
const directory = new IdentitiesApi(service);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-cli-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function identities(...given: string[]): Promise<{ code: number; out: string; err: string }> {
  const { emulator, database } = service();
  const env = { PATH: process.env.PATH, ...apiEnvironment(emulator, database.serviceUrl) };
  return new Promise((resolve) => {
    const file = 'dist/bin/acs-identity.js';
    execFile(process.execPath, [file, 'identities', ...given], { env }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}

describe('acs-identity identities', () => {
  it('imports users of the Authentication Hero sample, exports them, and erases one', async () => {
    const { tenantId } = service().emulator;
    const users = [1, 2].map(() => ({
      userId: randomUUID(),
      acsUserIdentity: directory.foreignId(),
    }));
    const file = join(folder, 'hero.ndjson');
    await writeFile(file, `${users.map((user) => JSON.stringify(user)).join('\n')}\nbroken\n`);
    const imported = await identities('import', file, '--tenant', tenantId, '--operator', 'olaf');
    expect(imported.out).toContain('3 lines: 2 created, 0 unchanged, 1 failed.');
    expect(imported.err).toContain('line 3: invalid-line: the line is not JSON');
    expect(imported.code).toBe(1);
    expect(await service().newestEntry()).toMatchObject({
      action: 'identity.import',
      actor: { kind: 'operator', name: 'olaf' },
    });

    const output = join(folder, 'all.ndjson');
    expect((await identities('export', '--output', output)).code).toBe(0);
    const lines = (await readFile(output, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { subject: string }).subject)).toEqual(
      users.map(({ userId }) => userId),
    );
    // An existing file is not overwritten.
    expect((await identities('export', '--output', output)).code).toBe(1);

    const person = ['--tenant', tenantId, '--subject', users[0]?.userId ?? '', '--yes'];
    const erased = await identities('erase', ...person);
    expect(erased.out).toMatch(/default 8:acs:\S+: deleted \d{4}-/);
    expect(erased.out).toContain('up to 15 minutes');
    expect(erased.code).toBe(0);
  });
});
