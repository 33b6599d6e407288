import { MalformedTile, ProofMismatch } from './errors.js';
import type { TileReader } from './tile.js';
import { TreeReader } from './tree-reader.js';
import type { TreeHead } from './verify-log.js';
import { verifyConsistency } from './verify-proof.js';

/**
 * Proves by a consistency proof that a tree continues an older one, whatever its size was. Both roots must
 * come from verified checkpoints; the tiles are not trusted.
 *
 * @param readTile reads the tiles of the newer tree
 * @throws ProofMismatch when the older tree is larger or another one, and when tiles that the proof needs
 *   are missing
 */
export async function verifyContinuation(
  older: TreeHead,
  newer: TreeHead,
  readTile: TileReader,
): Promise<void> {
  if (older.size > newer.size) {
    throw new ProofMismatch('the older tree is larger');
  }
  try {
    verifyConsistency({
      oldSize: older.size,
      oldRoot: older.root,
      newSize: newer.size,
      newRoot: newer.root,
      proof: await new TreeReader(newer.size, readTile).consistencyProof(older.size),
    });
  } catch (cause) {
    if (cause instanceof MalformedTile) {
      throw new ProofMismatch('the tiles give no consistency proof', { cause });
    }
    throw cause;
  }
}
