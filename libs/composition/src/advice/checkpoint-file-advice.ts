import { accessSync, constants, statSync } from 'node:fs';
import type { AuditSettings } from '#libs/audit';
import { assertReplaceable, refuseNamedPipe } from '#libs/platform';
import type { Advice } from './advice.js';

const VARIABLE = 'AUDIT_CHECKPOINT_FILE';

export function adviceOnReading({ checkpointFile: path }: AuditSettings): Advice[] {
  if (path === undefined) return [];
  try {
    assertReadable(path);
    return [];
  } catch (error) {
    return [
      {
        code: 'checkpoint-file-unreadable',
        variable: VARIABLE,
        problem: `can not be read (${codeOf(error)}), so that nothing is recorded or issued`,
        fix: 'give the file to the user that the api runs as (chown), or name another file',
      },
    ];
  }
}

/** Tries to write, and leaves no trace. */
export async function adviceOnWriting({ checkpointFile: path }: AuditSettings): Promise<Advice[]> {
  if (path === undefined) return [];
  try {
    await assertReplaceable(path);
    return [];
  } catch (error) {
    return [
      {
        code: 'checkpoint-file-not-writable',
        variable: VARIABLE,
        problem: `can not be written (${codeOf(error)}), so that a rollback of the database is not noticed`,
        fix: 'name a file in a folder that this user may write and that is mounted as a folder, on a volume with free space that outlives the process',
      },
    ];
  }
}

/** A file that is not there yet is in order. */
function assertReadable(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file?.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
  refuseNamedPipe(path);
  if (file) accessSync(path, constants.R_OK);
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code); // of Node
}
