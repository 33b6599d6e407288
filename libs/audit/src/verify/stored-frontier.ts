import { TimeSlices, type Transaction } from '#libs/platform';
import { MalformedTile, partialTilesOf, TreeFrontier } from '#libs/transparency-log';
import { readLeafHashes, readTile } from '../postgres/log-queries.js';

/** Leaf hashes that one statement reads. */
const HASHES_AT_ONCE = 1_000;

/**
 * The frontier that gives the root of the head at a size. Where stored tiles do not, because one was
 * changed, it is computed from the leaf hashes of all heads.
 */
export async function trustedFrontier(
  transaction: Transaction,
  size: number,
): Promise<TreeFrontier> {
  const stored = await storedFrontier(transaction, size);
  const [head] = await transaction.query<{ root: Buffer }[]>(
    'SELECT root FROM audit_head WHERE size = $1',
    [size],
  );
  if (stored && (size === 0 || head?.root.equals(stored.root()))) return stored;
  let frontier = TreeFrontier.empty();
  const slices = new TimeSlices();
  while (frontier.size < size) {
    const hashes = await readLeafHashes(
      transaction,
      frontier.size,
      Math.min(size, frontier.size + HASHES_AT_ONCE),
    );
    if (hashes.length === 0) break;
    frontier = frontier.append(hashes).frontier;
    if (slices.isOver) await slices.next();
  }
  const isRight = frontier.size === size && head?.root.equals(frontier.root());
  return isRight || !stored ? frontier : stored;
}

/** The frontier over the stored hashes. @returns `undefined` when the log has fewer */
export async function storedFrontier(
  transaction: Transaction,
  size: number,
): Promise<TreeFrontier | undefined> {
  const tiles = [];
  for (const address of partialTilesOf(size)) {
    tiles.push({ ...address, hashes: await readTile(transaction, address) });
  }
  try {
    return TreeFrontier.fromTiles(size, tiles);
  } catch (error) {
    if (error instanceof MalformedTile) return undefined;
    throw error;
  }
}
