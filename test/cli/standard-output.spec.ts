import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { operatorEnvironment } from '../support/acs-identity.js';
import { compileCache, repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const PROGRAM = `${repositoryRoot}dist/bin/acs-identity.js`;
/** Of 512 bytes each. */
const LIMIT_BLOCKS = 8;

const service = runningService();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-output-'));
  await issue(service(), 'alice');
});
afterAll(async () => rm(folder, { recursive: true }));

/** @param script a line of `sh`, in which `"$@"` is the command */
async function shell(script: string, args: readonly string[]) {
  const { AUDIT_CHECKPOINT_FILE: _file, ...environment } = operatorEnvironment(service());
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, PROGRAM, ...args], {
    env: { PATH: process.env.PATH, ...compileCache, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const stderr = await text(child.stderr);
  return { code: (await closed)[0], stderr };
}

const COMMANDS = [
  ['--help'],
  ['--version'],
  ['config', 'list'],
  ['policy', 'schema'],
  ['policy', 'default'],
  ['identities', 'export', '--tenant', SAMPLE_TENANTS.home.id, '--operator', 'olivia'],
  ['audit', 'keys'],
  ['audit', 'checkpoint'],
  ['audit', 'health', '--json'],
  ['audit', 'search', '--json', '--operator', 'olivia'],
  ['audit', 'export', '--operator', 'olivia'],
  ['audit', 'erase-again', '--check', '--operator', 'olivia'],
  ['audit', 'sinks', 'status', '--json'],
];

describe('what a command can not print', () => {
  it.runIf(existsSync('/dev/full')).each(COMMANDS.map((args) => [args.join(' '), args] as const))(
    'is its result on a full disk: %s',
    async (_, args) => {
      const { code, stderr } = await shell('exec "$@" > /dev/full', args);
      expect(stderr).toContain(
        'Standard output could not be written: no space left on device. What it has is incomplete.\n',
      );
      expect(stderr).not.toContain('    at ');
      expect(code).toBe(1);
    },
  );

  it('is its result when a file takes a part of it only', async () => {
    const file = join(folder, 'part');
    const script = `trap '' XFSZ; ulimit -f ${LIMIT_BLOCKS}; exec "$@" > ${file}`;
    const { code, stderr } = await shell(script, ['policy', 'schema']);
    expect((await stat(file)).size).toBe(LIMIT_BLOCKS * 512);
    expect(stderr).toBe(
      'Standard output could not be written: the file may not be larger. What it has is incomplete.\n',
    );
    expect(code).toBe(1);
  });

  it('is its result when its reader has closed the pipe', async () => {
    const status = join(folder, 'status');
    const script = `{ "$@"; echo $? > ${status}; } | true; cat ${status} >&2`;
    const { stderr } = await shell(script, ['config', 'list']);
    expect(stderr).toBe(
      'Standard output could not be written: its reader has closed it. What it has is incomplete.\n1\n',
    );
  });
});
