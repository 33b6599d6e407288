import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LocalPostgres } from '../../../apps/local/src/postgres/local-postgres.js';
import { until } from '../../support/until.js';

/** Kills a PostgreSQL server with all of its processes (SIGKILL). It can be restarted afterwards. */
export async function killPostgres(cluster: LocalPostgres): Promise<void> {
  const family = new Set(
    (await running())
      .filter(({ id, parent }) => id === cluster.processId || parent === cluster.processId)
      .map(({ id }) => id),
  );
  for (const id of family) signal(id, 'SIGKILL');
  // Its shared memory is free for a successor once nobody uses it any more.
  await until('PostgreSQL is dead', 30_000, async () =>
    (await running()).every(({ id }) => !family.has(id)),
  );
}

/** The back ends that work for clients, and the server's own helpers. */
export async function postgresHelpers(cluster: LocalPostgres): Promise<number[]> {
  const all = await running();
  return all.filter(({ parent }) => parent === cluster.processId).map(({ id }) => id);
}

/** Sends a signal to a process, unless it has ended. */
export function signal(processId: number, name: NodeJS.Signals): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!isGone) throw error;
  }
}

async function running(): Promise<{ id: number; parent: number }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state = '']) => !state.startsWith('Z')) // dead, not yet collected
    .map(([id, parent]) => ({ id: Number(id), parent: Number(parent) }));
}
