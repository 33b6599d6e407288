import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { isAlive } from '../is-alive.js';
import { execute, LocalPostgres } from './local-postgres.js';

const built = new URL('../../../../dist/apps/local/src/postgres/local-postgres.js', import.meta.url)
  .href;

describe('LocalPostgres', () => {
  it('keeps its data after a crash, a stop, and the death of the process that started it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'acs-identity-postgres-'));
    const options = { directory: join(folder, 'postgres'), password: 'test' };
    const first = await LocalPostgres.start(options);
    try {
      await first.execute('CREATE TABLE numbers (n int)');
      await first.execute('INSERT INTO numbers VALUES (1)');
      await first.crash();
      await first.restart();
      await first.execute('INSERT INTO numbers VALUES (2)');

      // Nobody stopped the first one: as after SIGKILL of the local environment.
      const second = await LocalPostgres.start(options);
      try {
        const rows = await execute(second.superuserUrl, 'SELECT n FROM numbers ORDER BY n');
        expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
      } finally {
        await second.remove();
      }
    } finally {
      await first.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('stops when the process that started it ends with an uncaught error', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'acs-identity-postgres-'));
    const program = `
      import { execute, LocalPostgres } from ${JSON.stringify(built)};
      const server = await LocalPostgres.start({ directory: ${JSON.stringify(folder)}, password: 'test' });
      console.log(server.processId);
      throw new Error('uncaught');`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', program]);
    parent.stdout.setEncoding('utf8');
    const output: string[] = [];
    parent.stdout.on('data', (text: string) => output.push(text));
    await once(parent, 'close');
    try {
      const processId = Number(output.join(''));
      expect(processId).toBeGreaterThan(1);
      await vi.waitFor(() => {
        expect(isAlive(processId)).toBe(false);
      }, 20_000);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
