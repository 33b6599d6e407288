import type { Transaction } from '#libs/platform';
import { emptyRoot, partialTilesOf, TreeEdge } from '#libs/transparency-log';
import { LogDamaged } from '../errors.js';
import { type LogHead, readLeafHashes, readTile } from '../postgres/log-repository.js';

/** Beyond this many entries, loading the edge anew is cheaper than following. */
const MAX_FOLLOWED_ENTRIES = 20_000;
const hashBytes = 32;

/** The right edge of the log's tree, kept in memory between commits of this and other processes. */
export class FrontierCache {
  #frontier: TreeEdge | undefined;

  /**
   * The edge at the head that is stored now. What other processes appended is followed hash by hash,
   * so that a database which was changed or put back is noticed before anything is signed on top.
   *
   * @throws LogDamaged when the stored log does not continue the one that was seen before
   */
  async frontierAt(head: LogHead | undefined, transaction: Transaction): Promise<TreeEdge> {
    const size = head?.size ?? 0;
    const root = head?.root ?? emptyRoot();
    const edge = await this.#load(size, transaction);
    if (!edge.root().equals(root)) throw new LogDamaged('the hashes do not give the stored root');
    this.#frontier = edge;
    return edge;
  }

  /** Remembers the edge after a commit. */
  remember(edge: TreeEdge): void {
    this.#frontier = edge;
  }

  async #load(size: number, transaction: Transaction): Promise<TreeEdge> {
    const known = this.#frontier;
    if (known && known.size > size) throw new LogDamaged('the log is shorter than it was');
    if (known?.size === size) return known;
    if (known && size - known.size <= MAX_FOLLOWED_ENTRIES) {
      const hashes = await readLeafHashes(transaction, known.size, size);
      return known.append(split(hashes)).edge;
    }
    const tiles = [];
    for (const address of partialTilesOf(size)) {
      tiles.push({ ...address, hashes: await readTile(transaction, address) });
    }
    try {
      return TreeEdge.fromTiles(size, tiles);
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
