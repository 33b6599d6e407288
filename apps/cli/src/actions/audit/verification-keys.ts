import { readFileSync } from 'node:fs';
import {
  type Checkpoint,
  type CheckpointTrust,
  openCheckpoint,
  parseLogKeys,
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
  const { verifiers, retired } = parseLogKeys([...publicKey, ...fromFile.split('\n')]);
  // A retired key may be of a time when the log had another name.
  const keys = verifiers.length > 0 ? verifiers : retired.map(({ verifier }) => verifier);
  const [origin, ...others] = new Set(keys.map(({ name }) => name));
  if (origin === undefined) {
    throw new Error(
      'Give the public key of the log by --public-key, --public-key-file or AUDIT_PUBLIC_KEY. `acs-identity audit keys` prints it, and GET /v1/audit/log/keys serves it.',
    );
  }
  if (others.length > 0) throw new Error('The public keys are of several logs.');
  return { origin, verifiers, retired };
}

/** Reads a signed checkpoint out of a file. @throws unless the log signed it */
export function readCheckpoint(path: string, keys: VerificationKeys): Checkpoint {
  return openCheckpoint(readFileSync(path, 'utf8'), keys).checkpoint;
}
