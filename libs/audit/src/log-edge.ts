import type { Transaction } from '#libs/platform';
import { emptyRoot, partialTilesOf, TreeFrontier } from '#libs/transparency-log';
import { LogDamaged } from './log-damaged.js';
import { type LogHead, readLeafHashes, readTile } from './log-tables.js';

/** Beyond this many entries, loading the edge anew is cheaper than following. */
const followLimit = 20_000;
const hashBytes = 32;

/** The right edge of the log's tree, kept in memory between commits of this and other processes. */
export class LogEdge {
  #edge: TreeFrontier | undefined;

  /**
   * The edge at the head that is stored now. What other processes appended is followed hash by hash,
   * so that a database which was changed or put back is noticed before anything is signed on top.
   *
   * @throws LogDamaged when the stored log does not continue the one that was seen before
   */
  async at(head: LogHead | undefined, transaction: Transaction): Promise<TreeFrontier> {
    const size = head?.size ?? 0;
    const root = head?.root ?? emptyRoot();
    const edge = await this.#reach(size, transaction);
    if (!edge.root().equals(root)) throw new LogDamaged('the hashes do not give the stored root');
    this.#edge = edge;
    return edge;
  }

  /** Remembers the edge after a commit. */
  committed(edge: TreeFrontier): void {
    this.#edge = edge;
  }

  async #reach(size: number, transaction: Transaction): Promise<TreeFrontier> {
    const known = this.#edge;
    if (known && known.size > size) throw new LogDamaged('the log is shorter than it was');
    if (known?.size === size) return known;
    if (known && size - known.size <= followLimit) {
      const hashes = await readLeafHashes(transaction, known.size, size);
      return known.append(split(hashes)).frontier;
    }
    const tiles = [];
    for (const address of partialTilesOf(size)) {
      tiles.push({ ...address, hashes: await readTile(transaction, address) });
    }
    try {
      return TreeFrontier.fromTiles(size, tiles);
    } catch (cause) {
      throw new LogDamaged('tiles are missing', { cause });
    }
  }
}

function split(hashes: Buffer): Buffer[] {
  return Array.from({ length: hashes.length / hashBytes }, (_, nth) =>
    hashes.subarray(nth * hashBytes, (nth + 1) * hashBytes),
  );
}
