import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LocalPostgres } from '../../../apps/local/src/postgres/local-postgres.js';
import { until } from '../../support/until.js';

/** Kills all processes of a PostgreSQL server with SIGKILL. It can be restarted afterwards. */
export async function killPostgres(cluster: LocalPostgres): Promise<void> {
  // It starts no backend that would not be in the list, and keep the shared memory from the next server.
  signal(cluster.processId, 'SIGSTOP');
  const processes = new Set([cluster.processId, ...(await postgresChildren(cluster))]);
  for (const id of processes) signal(id, 'SIGKILL');
  // A new server can attach to its shared memory only when no process is left.
  await until('all PostgreSQL processes have ended', 30_000, async () =>
    (await runningProcesses()).every(({ id }) => !processes.has(id)),
  );
}

/** Ids of the server's child processes: the backends of its clients, and its own workers. */
export async function postgresChildren(cluster: LocalPostgres): Promise<number[]> {
  const all = await runningProcesses();
  return all.filter(({ parent }) => parent === cluster.processId).map(({ id }) => id);
}

/** Sends a signal to a process, unless it has ended. */
export function signal(processId: number, name: NodeJS.Signals): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    const hasEnded = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!hasEnded) throw error;
  }
}

async function runningProcesses(): Promise<{ id: number; parent: number }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state = '']) => !state.startsWith('Z')) // zombies have ended
    .map(([id, parent]) => ({ id: Number(id), parent: Number(parent) }));
}
