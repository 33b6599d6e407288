import { readFile } from 'node:fs/promises';
import { ProofMismatch, verifyProofFile } from '#libs/transparency-log';
import { type KeyOptions, ofFile, readVerificationKeys } from './verification-keys.js';
import { print } from '../../standard-output.js';

export interface VerifyProofOptions extends KeyOptions {
  /** A `.tlog-proof` file. */
  readonly proof: string;
  /** The entry's bytes, as they were hashed. */
  readonly entry: string;
}

/**
 * Prints what a proof file proves of an entry, with no other file and no service.
 *
 * @throws for another entry, another log, or a file that is no proof
 */
export async function verifyProof(options: VerifyProofOptions): Promise<void> {
  const { proof, entry } = options;
  const keys = readVerificationKeys(options);
  const [file, bytes] = await Promise.all([readFile(proof, 'utf8'), readFile(entry)]);
  try {
    const { index, checkpoint } = ofFile(proof, keys, () => verifyProofFile(file, bytes, keys));
    print(
      `${entry} is entry ${index} of ${checkpoint.origin}, which had ${checkpoint.size} entries then.`,
    );
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof ProofMismatch)) throw error;
    throw new Error(`${proof} does not prove ${entry}: it is of other bytes or another tree.`, {
      cause: error,
    });
  }
}
