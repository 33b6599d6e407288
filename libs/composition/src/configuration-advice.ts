import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { auditSettings, type AuditSettings } from '#libs/audit';
import {
  databaseSettings,
  type DatabaseSettings,
  isLoopbackHost,
  parseDatabaseAddress,
} from '#libs/platform';

/** What is wrong with a setting although the service can start with it. */
export interface Advice {
  readonly code:
    | 'database-not-encrypted'
    | 'log-origin-with-scheme'
    | 'checkpoint-file-not-writable';
  readonly variable: string;
  readonly problem: string;
  readonly fix: string;
}

/**
 * Finds what can be known to be wrong, and is no reason to refuse a start: an installation may run with it,
 * or it is mended while the service runs.
 *
 * @param values of settings by their keys; those that are absent are not examined
 */
export function adviceOn(values: ReadonlyMap<symbol, unknown>): readonly Advice[] {
  // The schemas of these settings made the values with these keys.
  const database = values.get(databaseSettings.key) as DatabaseSettings | undefined;
  const audit = values.get(auditSettings.key) as AuditSettings | undefined;
  return [
    ...(database ? adviceOnDatabase(database) : []),
    ...(audit ? [...adviceOnOrigin(audit), ...adviceOnCheckpointFile(audit)] : []),
  ];
}

/** Advice as a sentence for logs and terminals. */
export function sentenceOf({ variable, problem, fix }: Advice): string {
  return `${variable} ${problem}: ${fix}.`;
}

function adviceOnDatabase({ url }: DatabaseSettings): Advice[] {
  const { hosts, isTlsOptional } = parseDatabaseAddress(url);
  const remote = hosts.find(
    ({ host = '', ssl }) => !isLoopbackHost(host) && (!ssl || isTlsOptional),
  );
  if (remote === undefined) return [];
  return [
    {
      code: 'database-not-encrypted',
      variable: 'DATABASE_URL',
      problem: `allows plain text to ${remote.host}`,
      fix: 'add sslmode=verify-full, and sslrootcert with the file of its CA',
    },
  ];
}

/** Verifiers compare the origin as text, so that it can't be corrected here: the log would be another one. */
function adviceOnOrigin({ origin }: AuditSettings): Advice[] {
  if (!origin.includes('://')) return [];
  return [
    {
      code: 'log-origin-with-scheme',
      variable: 'AUDIT_LOG_ORIGIN',
      problem: 'has a scheme, which the names of logs do not have',
      fix: 'leave out the scheme for a new log; one that has entries keeps its origin',
    },
  ];
}

function adviceOnCheckpointFile({ checkpointFile }: AuditSettings): Advice[] {
  const code = checkpointFile === undefined ? undefined : writeFault(checkpointFile);
  if (code === undefined) return [];
  return [
    {
      code: 'checkpoint-file-not-writable',
      variable: 'AUDIT_CHECKPOINT_FILE',
      problem: `can not be written (${code}), so that a rollback of the database is not noticed`,
      fix: 'name a file in a folder that this user may write, on a volume with free space that outlives the process',
    },
  ];
}

/** @returns the code of what prevents the file from being replaced; writes nothing */
function writeFault(path: string): string | undefined {
  try {
    accessSync(dirname(path), constants.W_OK);
    if (!statSync(dirname(path)).isDirectory()) return 'ENOTDIR';
    const { blocks, bavail, files, ffree } = statfsSync(dirname(path));
    if ((blocks > 0 && bavail === 0) || (files > 0 && ffree === 0)) return 'ENOSPC';
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? 'EISDIR' : undefined;
  } catch (error) {
    return String((error as { code?: unknown }).code); // of Node
  }
}
