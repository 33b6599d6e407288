import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { LocalPostgres } from './local-postgres.js';

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
});
