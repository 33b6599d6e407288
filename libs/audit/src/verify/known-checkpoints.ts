import {
  ProofMismatch,
  type TileReader,
  type TreeHead,
  verifyContinuation,
} from '#libs/transparency-log';
import { type AuditFaults, CONTRADICTION, SHORTENED } from './audit-fault.js';

/**
 * Reports every known checkpoint that the verified tree does not continue. Each is compared by a consistency
 * proof, because a log that was rolled back or forked has no head of the same size.
 *
 * @param readTile reads the tiles of the verified tree
 */
export async function checkKnownCheckpoints(
  known: readonly TreeHead[],
  verified: TreeHead,
  readTile: TileReader,
  faults: AuditFaults,
): Promise<void> {
  for (const checkpoint of known) {
    if (checkpoint.size > verified.size) {
      faults.add('checkpoint-contradicted', verified.size, SHORTENED, checkpoint.size);
    } else if (!(await isContinued(checkpoint, verified, readTile))) {
      faults.add('checkpoint-contradicted', 0, CONTRADICTION, checkpoint.size);
    }
  }
}

async function isContinued(
  checkpoint: TreeHead,
  verified: TreeHead,
  readTile: TileReader,
): Promise<boolean> {
  try {
    await verifyContinuation(checkpoint, verified, readTile);
    return true;
  } catch (error) {
    if (error instanceof ProofMismatch) return false;
    throw error;
  }
}
