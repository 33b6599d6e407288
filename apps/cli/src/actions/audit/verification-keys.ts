import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import {
  BeyondRetirement,
  type Checkpoint,
  type CheckpointTrust,
  InvalidKey,
  MAX_NOTE_BYTES,
  openCheckpoint,
  OriginMismatch,
  parseLogKeys,
  TransparencyLogError,
  UnverifiedNote,
} from '#libs/transparency-log';

export interface KeyOptions {
  readonly publicKey?: readonly string[];
  readonly publicKeyFile?: string;
}

/** The log's name and the public keys whose signatures count, retired ones for checkpoints of their time. */
export type VerificationKeys = Required<CheckpointTrust>;

/** Whether any key is given. */
export function hasKeys({ publicKey = [], publicKeyFile }: KeyOptions): boolean {
  return publicKey.length > 0 || publicKeyFile !== undefined;
}

/** @throws when no key is given, one is malformed, or they are keys of several logs */
export function readVerificationKeys({
  publicKey = [],
  publicKeyFile,
}: KeyOptions): VerificationKeys {
  const fromFile = publicKeyFile === undefined ? '' : readFileSync(publicKeyFile, 'utf8');
  const given = parsedKeys('--public-key', publicKey);
  const inFile = parsedKeys(publicKeyFile ?? '', fromFile.split('\n'));
  const verifiers = [...given.verifiers, ...inFile.verifiers];
  const retired = [...given.retired, ...inFile.retired];
  // A retired key may be of a time when the log had another name.
  const keys = verifiers.length > 0 ? verifiers : retired.map(({ verifier }) => verifier);
  const [origin, ...others] = new Set(keys.map(({ name }) => name));
  if (origin === undefined) {
    throw new Error(
      'Give the public key of the log by --public-key, --public-key-file or AUDIT_PUBLIC_KEY. `acs-identity audit keys` prints it, and GET /v1/audit/log/keys serves it.',
    );
  }
  if (others.length > 0)
    throw new Error(
      `The public keys are of several logs, ${[origin, ...others].join(' and ')}: give those of one.`,
    );
  return { origin, verifiers, retired };
}

/** Reads a signed checkpoint out of a file. @throws unless the log signed it */
export function readCheckpoint(path: string, keys: VerificationKeys): Checkpoint {
  const note = readNote(path);
  return ofFile(path, keys, () => openCheckpoint(note, keys).checkpoint);
}

/** The whole file, or the part of a larger one that is too much for a note: it may be a device without an end. */
function readNote(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(MAX_NOTE_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** Lets an error about signed content name its file, the keys that were given, and the next step. */
export function ofFile<T>(path: string, keys: VerificationKeys, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TransparencyLogError)) throw error;
    throw new Error(`${path}: ${error.message}.${stepAfter(error, keys)}`, { cause: error });
  }
}

function stepAfter(error: TransparencyLogError, keys: VerificationKeys): string {
  if (error instanceof BeyondRetirement)
    return ' The log has lost entries, as after a restore: keep the file, and see docs/restoring.md.';
  const isOfKeys = error instanceof UnverifiedNote || error instanceof OriginMismatch;
  if (!isOfKeys) return '';
  return ` Given were ${keyNames(keys)}. After a rotation or a restore, take all lines of \`acs-identity audit keys\`, also those of retired keys.`;
}

/** Name and id of each key. */
export function keyNames({ verifiers, retired }: VerificationKeys): string {
  const all = [...verifiers, ...retired.map(({ verifier }) => verifier)];
  return all.map((verifier) => verifier.toString().split('+').slice(0, 2).join('+')).join(', ');
}

function parsedKeys(source: string, lines: readonly string[]): ReturnType<typeof parseLogKeys> {
  try {
    return parseLogKeys(lines);
  } catch (error) {
    if (!(error instanceof InvalidKey)) throw error;
    throw new Error(
      `${source}: ${error.message}. Take the lines as \`acs-identity audit keys\` prints them.`,
      { cause: error },
    );
  }
}
