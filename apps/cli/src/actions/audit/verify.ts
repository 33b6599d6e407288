import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import {
  DatabaseVerifier,
  readSignedHead,
  TileDirectory,
  verifyFolder,
  type VerifyReport,
} from '#libs/audit';
import { withDatabase } from '../database.js';
import { progressBar } from '../progress-bar.js';
import { type KeyOptions, readCheckpoint, readVerificationKeys } from './verification-keys.js';

export interface VerifyOptions extends KeyOptions {
  readonly databaseUrl?: string;
  readonly folder?: string;
  readonly since?: string;
  readonly known?: readonly string[];
  readonly save?: string;
  readonly json?: true;
}

interface Verified {
  readonly report: VerifyReport;
  /** The signed checkpoint of what was verified. */
  readonly checkpoint: string | undefined;
}

/** Exit code of a log without entries: nothing was found to be wrong, and nothing was verified. */
const EX_NOTHING_TO_VERIFY = 2;

type OnProgress = (verified: number, total: number) => void;

/** Prints whether the log is whole, else where its first fault is. */
export async function verifyLog(options: VerifyOptions): Promise<void> {
  const bar = progressBar('entries');
  const { report, checkpoint } = await verified(options, bar.show).finally(bar.end);
  if (options.json) {
    console.log(JSON.stringify({ ...report, root: report.root.toString('base64') }));
  } else {
    printReport(report);
  }
  if (report.faults.length > 0) {
    process.exitCode = 1;
    return;
  }
  if (report.size === 0) {
    process.exitCode = EX_NOTHING_TO_VERIFY;
    return;
  }
  if (options.save !== undefined && checkpoint !== undefined) {
    await writeFile(`${options.save}.new`, checkpoint);
    await rename(`${options.save}.new`, options.save);
  }
}

async function verified(options: VerifyOptions, onProgress: OnProgress): Promise<Verified> {
  const { databaseUrl, folder } = options;
  const keys = readVerificationKeys(options);
  const known = heldCheckpoints(options).map((path) => readCheckpoint(path, keys));
  const since = options.since === undefined ? undefined : readCheckpoint(options.since, keys);
  const request = { ...keys, known, onProgress, ...(since && { since }) };
  if (folder !== undefined) {
    const copy = new TileDirectory(folder);
    const report = await verifyFolder({ ...request, folder: copy });
    return { report, checkpoint: copy.checkpoint() };
  }
  if (databaseUrl === undefined) {
    throw new Error('Say what to verify: --database-url (or DATABASE_URL), or --folder.');
  }
  return withDatabase(databaseUrl, async (database) => {
    const verifier = new DatabaseVerifier(database);
    const report = await verifier.verify(request);
    const head = await readSignedHead(database, report.size);
    return { report, checkpoint: head?.checkpoint };
  });
}

/** Every checkpoint that this person held before, also the one that `--save` is about to replace. */
function heldCheckpoints({ known = [], since, save }: VerifyOptions): string[] {
  const replaced = save !== undefined && existsSync(save) ? [save] : [];
  return [...new Set([...known, ...(since === undefined ? [] : [since]), ...replaced])];
}

/** Prints what a verification found, for people. */
export function printReport({ size, root, retiredBelow, faults }: VerifyReport): void {
  const [first] = faults;
  if (!first && size === 0) {
    console.log('The log is empty: there is nothing to verify. If it had entries, they are gone.');
    return;
  }
  if (!first) {
    console.log(`The log is whole: ${size} entries, root ${root.toString('base64')}.`);
    if (retiredBelow > 0) {
      console.log(`Of the entries below ${retiredBelow} only hashes are kept and were verified.`);
    }
    return;
  }
  console.log(`The log is NOT whole. The first bad index is ${first.index}.`);
  for (const { index, endIndex, kind, detail } of faults) {
    const place = endIndex > index + 1 ? `${index} to ${endIndex - 1}` : String(index);
    console.log(`  ${place}: ${kind}: ${detail}`);
  }
}
