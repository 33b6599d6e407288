import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  checkWitnesses,
  DatabaseVerifier,
  readSignedHead,
  readWitnessedCheckpoint,
  verifyFolder,
  type VerifyReport,
  type WitnessCheck,
  type WitnessRequirement,
} from '#libs/audit';
import { assertReplaceable, replaceFile } from '#libs/platform';
import { type Checkpoint, WitnessPolicy } from '#libs/transparency-log';
import { withDatabase } from '../database.js';
import { progressBar } from '../progress-bar.js';
import { openCopy } from './open-copy.js';
import {
  hasKeys,
  keyNames,
  type KeyOptions,
  readCheckpoint,
  readVerificationKeys,
  type VerificationKeys,
} from './verification-keys.js';
import { print } from '../../standard-output.js';

export interface VerifyOptions extends KeyOptions {
  readonly databaseUrl?: string;
  readonly folder?: string;
  readonly since?: string;
  readonly known?: readonly string[];
  readonly save?: string;
  /** A policy of witnesses whose quorum is required. */
  readonly witnessPolicy?: string;
  readonly witnessedWithin?: number;
  readonly json?: true;
}

interface Verified {
  readonly keys: VerificationKeys;
  /** The checkpoints that were held before, by their files. */
  readonly held: ReadonlyMap<string, Checkpoint>;
  readonly report: VerifyReport;
  /** The signed checkpoint of what was verified. */
  readonly checkpoint: string | undefined;
  readonly witnesses: WitnessCheck | undefined;
}

/** Exit code of a log without entries: nothing was found to be wrong, and nothing was verified. */
const EX_NOTHING_TO_VERIFY = 2;

type OnProgress = (verified: number, total: number) => void;

/** Prints whether the log is whole, else where its first fault is. */
export async function verifyLog(options: VerifyOptions): Promise<void> {
  if (options.witnessedWithin !== undefined && options.witnessPolicy === undefined) {
    throw new Error('--witnessed-within needs --witness-policy.');
  }
  if (options.save !== undefined) await assertReplaceable(options.save);
  const bar = progressBar('entries');
  const found = await verified(options, bar.show).finally(bar.end);
  const { report, checkpoint, witnesses } = found;
  if (options.json) {
    print(JSON.stringify(jsonOf(report, witnesses)));
  } else {
    printReport(report);
    if (witnesses && report.faults.length === 0) printWitnesses(witnesses);
    for (const step of nextSteps(found)) print(step);
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
    await replaceFile(options.save, checkpoint);
  }
}

async function verified(options: VerifyOptions, onProgress: OnProgress): Promise<Verified> {
  const { databaseUrl, folder } = options;
  const { policy, keys } = await trustOf(options);
  const held = new Map(
    heldCheckpoints(options).map((path) => [path, readCheckpoint(path, keys)] as const),
  );
  const since = options.since === undefined ? undefined : readCheckpoint(options.since, keys);
  const check = (note: string | undefined): WitnessCheck | undefined =>
    policy && checkWitnesses(note, keys, requirementOf(options, policy));
  const requestWith = (witnesses: WitnessCheck | undefined) => ({
    ...keys,
    known: [...held.values(), ...(witnesses?.checkpoint ? [witnesses.checkpoint] : [])],
    onProgress,
    ...(since && { since }),
  });
  if (folder !== undefined) {
    const copy = openCopy(folder);
    const witnesses = check(copy.witnessedCheckpoint());
    const report = await verifyFolder({ ...requestWith(witnesses), folder: copy });
    const checkpoint = copy.checkpoint();
    return { keys, held, report: withFault(report, witnesses), checkpoint, witnesses };
  }
  if (databaseUrl === undefined) {
    throw new Error('Say what to verify: --database-url (or DATABASE_URL), or --folder.');
  }
  return withDatabase(databaseUrl, async (database) => {
    const verifier = new DatabaseVerifier(database);
    const witnesses = policy && check((await readWitnessedCheckpoint(database))?.checkpoint);
    const report = await verifier.verify(requestWith(witnesses));
    const head = await readSignedHead(database, report.size);
    const { checkpoint } = head ?? {};
    return { keys, held, report: withFault(report, witnesses), checkpoint, witnesses };
  });
}

/** The keys of the options; without any, those of the logs that the policy names. */
async function trustOf(
  options: VerifyOptions,
): Promise<{ readonly policy: WitnessPolicy | undefined; readonly keys: VerificationKeys }> {
  const { witnessPolicy: path } = options;
  const policy = path === undefined ? undefined : WitnessPolicy.parse(await readFile(path, 'utf8'));
  const isKeyless = !hasKeys(options) && policy !== undefined;
  const publicKey = policy?.logs.map((verifier) => verifier.toString()) ?? [];
  return { policy, keys: readVerificationKeys(isKeyless ? { publicKey } : options) };
}

function requirementOf(
  { witnessedWithin }: VerifyOptions,
  policy: WitnessPolicy,
): WitnessRequirement {
  const now = Date.now();
  return witnessedWithin === undefined
    ? { policy, now }
    : { policy, now, maxAgeMs: witnessedWithin * 60_000 };
}

function withFault(report: VerifyReport, witnesses: WitnessCheck | undefined): VerifyReport {
  if (!witnesses?.fault) return report;
  return { ...report, faults: [...report.faults, witnesses.fault] };
}

function jsonOf(report: VerifyReport, witnesses: WitnessCheck | undefined): object {
  return {
    ...report,
    root: report.root.toString('base64'),
    ...(witnesses && {
      witnessed: {
        size: witnesses.checkpoint?.size ?? 0,
        cosignatures: witnesses.cosignatures.map(({ witness: { name }, timestampSeconds }) => ({
          witness: name,
          at: timeOf(timestampSeconds),
        })),
      },
    }),
  };
}

function printWitnesses({ checkpoint, cosignatures }: WitnessCheck): void {
  if (!checkpoint) return;
  const who = cosignatures.map(
    ({ witness: { name }, timestampSeconds }) => `${name} (${timeOf(timestampSeconds)})`,
  );
  print(`Witnessed: the first ${checkpoint.size} entries, by ${who.join(', ')}.`);
}

function timeOf(timestampSeconds: number): string {
  const date = new Date(timestampSeconds * 1_000);
  return Number.isNaN(date.getTime()) ? String(timestampSeconds) : date.toISOString();
}

/** Every checkpoint that this person held before, also the one that `--save` is about to replace. */
function heldCheckpoints({ known = [], since, save }: VerifyOptions): string[] {
  const replaced = save !== undefined && existsSync(save) ? [save] : [];
  return [...new Set([...known, ...(since === undefined ? [] : [since]), ...replaced])];
}

/** What to do about what was found, with the files and the keys that it concerns. */
function nextSteps({ report: { size, faults }, held, keys }: Verified): string[] {
  if (faults.length === 0) return [];
  const steps: string[] = [];
  const isOfKey = faults.some(
    ({ kind }) => kind === 'head-differs' || kind === 'signing-key-differs',
  );
  if (isOfKey)
    steps.push(
      `Keys: the signatures were compared with ${keyNames(keys)}. After a rotation of the key, verify with all lines of \`acs-identity audit keys\` first.`,
    );
  for (const [path, checkpoint] of held)
    if (checkpoint.size > size)
      steps.push(
        `${path} is of ${checkpoint.size} entries, ${checkpoint.size - size} more than the log has. After a restore, docs/restoring.md says how to continue; keep the file.`,
      );
  if (steps.length === 0 || faults.some(({ kind }) => kind === 'checkpoint-contradicted'))
    steps.push('Keep the database as it is: docs/operations.md says what to do after a finding.');
  return steps;
}

/** Prints what a verification found, for people. */
export function printReport({ size, root, retiredBelow, faults }: VerifyReport): void {
  const [first] = faults;
  if (!first && size === 0) {
    print('The log is empty: there is nothing to verify. If it had entries, they are gone.');
    return;
  }
  if (!first) {
    print(`The log is whole: ${size} entries, root ${root.toString('base64')}.`);
    if (retiredBelow > 0) {
      print(`Of the entries below ${retiredBelow} only hashes are kept and were verified.`);
    }
    return;
  }
  print(`The log is NOT whole. The first bad index is ${first.index}.`);
  for (const { index, endIndex, kind, detail } of faults) {
    const place = endIndex > index + 1 ? `${index} to ${endIndex - 1}` : String(index);
    print(`  ${place}: ${kind}: ${detail}`);
  }
}
