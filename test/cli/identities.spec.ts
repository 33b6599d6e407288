import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';
import { IdentitiesApi } from '../support/identities-api.js';
import { parseNdjson } from '../support/parsers/ndjson.js';
import { runningService } from '../support/running-service.js';

const service = runningService();
const api = new IdentitiesApi(service);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-cli-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function identities(args: string[], run = commandHere): Promise<CommandResult> {
  return run(['identities', ...args], { environment: operatorEnvironment(service()) });
}

describe('acs-identity identities', () => {
  it('imports the users of Microsoft’s authentication sample, exports them, and erases one', async () => {
    const { tenantId } = service().emulator;
    const users = [1, 2].map(() => ({
      userId: randomUUID(),
      acsUserIdentity: api.foreignId(),
    }));
    const file = join(folder, 'hero.ndjson');
    await writeFile(file, `${users.map((user) => JSON.stringify(user)).join('\n')}\nbroken\n`);
    const args = ['import', file, '--tenant', tenantId, '--operator', 'olaf'];
    const imported = await identities(args, acsIdentity);
    expect(imported.stdout).toContain('3 lines: 2 created, 0 unchanged, 1 failed.');
    expect(imported.stderr).toContain('line 3: invalid-line: the line is not JSON');
    expect(imported.code).toBe(1);
    const imports = (await service().auditEntries()).filter(
      ({ action }) => action === 'identity.import',
    );
    expect(imports.at(-1)?.actor).toEqual({ kind: 'operator', name: 'olaf' });

    const output = join(folder, 'all.ndjson');
    expect((await identities(['export', '--output', output])).code).toBe(0);
    const lines = parseNdjson<{ subject: string }>(await readFile(output));
    expect(lines.map(({ subject }) => subject)).toEqual(users.map(({ userId }) => userId));
    // An existing file is not overwritten.
    expect((await identities(['export', '--output', output])).code).toBe(1);
    // Each line of an export names its tenant.
    const repeated = await identities(['import', output]);
    expect(repeated.stdout).toBe('2 lines: 0 created, 2 unchanged, 0 failed.\n');
    expect(repeated.code).toBe(0);

    const person = ['--tenant', tenantId, '--subject', users[0]?.userId ?? '', '--yes'];
    const erased = await identities(['erase', ...person]);
    expect(erased.stdout).toMatch(/default 8:acs:\S+: deleted \d{4}-/);
    expect(erased.stdout).toContain('up to 15 minutes');
    expect(erased.code).toBe(0);
  });

  it('refuses what is no tenant and no subject, and reads nothing', async () => {
    const { tenantId } = service().emulator;
    const braced = `{${tenantId}}`;
    for (const args of [
      ['export', '--tenant', braced],
      ['export', '--tenant', `${tenantId} `],
      ['import', '/dev/null', '--tenant', braced],
      ['import-graph', '--tenant', 'contoso', '--dry-run'],
      ['erase', '--tenant', braced, '--subject', randomUUID(), '--yes'],
      ['erase', '--tenant', tenantId, '--subject', braced, '--yes'],
    ]) {
      const refused = await identities(args);
      expect(refused, args.join(' ')).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr, args.join(' ')).toMatch(
        /^--(tenant|subject) .*(without braces|with a space|is not a GUID)/,
      );
    }
  });

  it('says that there is nobody to erase or to export', async () => {
    const { tenantId } = service().emulator;
    const [subject, otherTenant] = [randomUUID(), randomUUID()];
    for (const tenant of [tenantId, otherTenant]) {
      const person = ['--tenant', tenant, '--subject', subject, '--yes'];
      const erased = await identities(['erase', ...person]);
      expect(erased).toMatchObject({ code: 1, stdout: '' });
      expect(erased.stderr).toContain('No communication identity is, or was, mapped');
    }
    const exported = await identities(['export', '--tenant', otherTenant]);
    expect(exported).toMatchObject({ code: 1, stdout: '' });
    expect(exported.stderr).toBe(
      `0 identities exported.\nNo identity has the tenant ${otherTenant}: check the id.\n`,
    );
  });
});
