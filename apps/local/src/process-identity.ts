import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isAlive } from './is-alive.js';

/** A process. Its id alone may later be that of another one. */
export interface ProcessIdentity {
  readonly processId: number;
  /** In the words of the operating system; empty where it is unknown. */
  readonly startedAt: string;
}

export function processIdentity(processId: number): ProcessIdentity {
  return { processId, startedAt: startOf(processId) };
}

/** Whether the same process still runs. */
export function isRunning({ processId, startedAt }: ProcessIdentity): boolean {
  return isAlive(processId) && startOf(processId) === startedAt;
}

function startOf(processId: number): string {
  try {
    if (process.platform === 'linux') return linuxStart(processId);
    if (process.platform === 'win32') return '';
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(processId)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** The 22nd field of proc_pid_stat(5). The second one, in parentheses, may contain blanks. */
function linuxStart(processId: number): string {
  const text = readFileSync(`/proc/${processId}/stat`, 'utf8');
  const [state = '', ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended.
  return state === 'Z' ? '' : (fields[18] ?? '');
}
