import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { isAlive } from '../is-alive.js';
import { LocalPostgres } from './local-postgres.js';

const built = new URL('../../../../dist/apps/local/src/postgres/local-postgres.js', import.meta.url)
  .href;

async function rowsOf(postgres: LocalPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('LocalPostgres', () => {
  it('keeps its data over a crash, a stop, and a starter that was killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'acs-identity-postgres-'));
    const options = { directory: join(folder, 'postgres'), password: 'test' };
    const first = await LocalPostgres.start(options);
    try {
      await first.execute('CREATE TABLE kept (n int)');
      await first.execute('INSERT INTO kept VALUES (1)');
      await first.crash();
      await first.restart();
      await first.execute('INSERT INTO kept VALUES (2)');

      // Nobody stopped the first one: as after SIGKILL of the local environment.
      const second = await LocalPostgres.start(options);
      try {
        expect(await rowsOf(second, 'SELECT n FROM kept ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }]);
      } finally {
        await second.remove();
      }
    } finally {
      await first.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('ends with a starter that falls over an error of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'acs-identity-postgres-'));
    const program = `
      import { LocalPostgres } from ${JSON.stringify(built)};
      const server = await LocalPostgres.start({ directory: ${JSON.stringify(folder)}, password: 'test' });
      console.log(server.processId);
      throw new Error('fallen');`;
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', program]);
    starter.stdout.setEncoding('utf8');
    const said: string[] = [];
    starter.stdout.on('data', (text: string) => said.push(text));
    await once(starter, 'close');
    try {
      const processId = Number(said.join(''));
      expect(processId).toBeGreaterThan(1);
      await vi.waitFor(() => {
        expect(isAlive(processId)).toBe(false);
      }, 20_000);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
