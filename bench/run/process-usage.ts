// CPU time and memory of processes, from Linux's /proc.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { promisify } from 'node:util';

const TICKS_PER_SECOND = 100;

/** CPU time of all threads of the processes that are there, in microseconds. */
export function cpuMicros(processIds: readonly number[]): number {
  const paths = processIds.flatMap((id) =>
    threadsOf(id).map((thread) => `/proc/${id}/task/${thread}/schedstat`),
  );
  const nanoseconds = paths.map((path) => Number(read(path).split(' ')[0]));
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1000;
}

/** The children of a process, such as PostgreSQL's backends. */
export function childrenOf(processId: number): number[] {
  const parent = new RegExp(`\\) \\w ${processId} `);
  return processIds().filter((id) => parent.test(read(`/proc/${id}/stat`)));
}

/** PostgreSQL's processes that serve one database: they state its name in their title. */
export function backendsOf(postmaster: number, database: string): number[] {
  return childrenOf(postmaster).filter((id) =>
    read(`/proc/${id}/cmdline`).includes(` ${database} `),
  );
}

/** CPU time that all processes of the machine have used, in microseconds. */
export function machineCpuMicros(): number {
  const [total = ''] = read('/proc/stat').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = total
    .split(/ +/)
    .slice(1)
    .map(Number);
  return ((user + nice + system + irq + softIrq) * 1_000_000) / TICKS_PER_SECOND;
}

/** Resident memory, now and at its highest since `resetPeak`. */
export function memoryMb(processId: number): { readonly now: number; readonly peak: number } {
  const status = read(`/proc/${processId}/status`);
  const megabytes = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1024;
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/** Runs a process and its future children on these cores only. */
export async function pin(processId: number, cores: readonly number[]): Promise<void> {
  await promisify(execFile)('taskset', ['-a', '-c', '-p', cores.join(','), String(processId)]);
}

/** The cores of the machine, by number, also those that this process is not pinned to. */
export function allCores(): number[] {
  return cpus().map((_, core) => core);
}

function threadsOf(processId: number): string[] {
  try {
    return readdirSync(`/proc/${processId}/task`);
  } catch {
    return [];
  }
}

function processIds(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((id) => id > 0);
}

/** Empty when the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
