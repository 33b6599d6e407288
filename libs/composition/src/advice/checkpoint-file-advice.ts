import { accessSync, constants, type Stats, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { AuditSettings } from '#libs/audit';
import { refuseNamedPipe } from '#libs/platform';
import type { Advice } from './advice.js';

const VARIABLE = 'AUDIT_CHECKPOINT_FILE';
const READABLE_BY_ALL = 0o004;
/** Of a folder in which only their owners may replace files. */
const STICKY = 0o1000;

export function adviceOnCheckpointFile({ checkpointFile: path }: AuditSettings): Advice[] {
  if (path === undefined) return [];
  const unreadable = codeOf(() => readFault(path));
  if (unreadable !== undefined)
    return [
      {
        code: 'checkpoint-file-unreadable',
        variable: VARIABLE,
        problem: `can not be read (${unreadable}), so that nothing is recorded or issued`,
        fix: 'give the file to the user that the api runs as (chown), or name another file',
      },
    ];
  const unwritable = codeOf(() => writeFault(path));
  if (unwritable === undefined) return [];
  return [
    {
      code: 'checkpoint-file-not-writable',
      variable: VARIABLE,
      problem: `can not be written (${unwritable}), so that a rollback of the database is not noticed`,
      fix: 'name a file in a folder that this user may write, on a volume with free space that outlives the process',
    },
  ];
}

/** @returns the code of what prevents the file from being read; none if there is no file */
function readFault(path: string): string | undefined {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file?.isDirectory()) return 'EISDIR';
  refuseNamedPipe(path);
  if (file) accessSync(path, constants.R_OK);
  return undefined;
}

/** @returns the code of what prevents the file from being replaced; writes nothing */
function writeFault(path: string): string | undefined {
  const folder = statSync(dirname(path));
  accessSync(dirname(path), constants.W_OK);
  if (!folder.isDirectory()) return 'ENOTDIR';
  const { blocks, bavail, files, ffree } = statfsSync(dirname(path));
  if ((blocks > 0 && bavail === 0) || (files > 0 && ffree === 0)) return 'ENOSPC';
  const file = statSync(path, { throwIfNoEntry: false });
  return file && isKeptFromThisUser(file, folder) ? 'EPERM' : undefined;
}

/** The file of another user is replaced only where its owner can read the new one. */
function isKeptFromThisUser(file: Stats, folder: Stats): boolean {
  const user = process.geteuid?.();
  if (user === undefined || user === 0 || file.uid === user) return false;
  const isSticky = (folder.mode & STICKY) !== 0 && folder.uid !== user;
  return isSticky || (file.mode & READABLE_BY_ALL) === 0;
}

function codeOf(find: () => string | undefined): string | undefined {
  try {
    return find();
  } catch (error) {
    return String((error as { code?: unknown }).code); // of Node
  }
}
