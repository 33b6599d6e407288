import { CompactRange } from './compact-range.js';
import { MalformedTile } from './errors.js';
import { HASH_BYTES, hashPerfectTree } from './hashing.js';
import { partialTilesOf, TILE_WIDTH, type Tile } from './tile.js';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** The result of an append: the new frontier and the tiles it completed, in that order. */
export interface Appended {
  readonly frontier: TreeFrontier;
  readonly completedTiles: readonly Tile[];
}

/**
 * The right frontier of a tree: its partial tiles and the roots of its perfect subtrees. A log loads
 * nothing else to append. Immutable: `append` returns a new frontier, so the old one stays valid when
 * a transaction rolls back.
 */
export class TreeFrontier {
  readonly #range: CompactRange;
  readonly #partial: readonly Tile[];

  private constructor(range: CompactRange, partial: readonly Tile[]) {
    this.#range = range;
    this.#partial = partial;
  }

  static empty(): TreeFrontier {
    return new TreeFrontier(new CompactRange(), []);
  }

  /**
   * Restores a frontier from stored tiles. Compare `root()` with the stored checkpoint: altered tiles
   * give a different root.
   *
   * @param partialTiles exactly the tiles of `partialTilesOf(size)`, in any order.
   * @throws MalformedTile for a missing or extra tile, or one of the wrong address or length.
   */
  static fromTiles(size: number, partialTiles: readonly Tile[]): TreeFrontier {
    const partial: Tile[] = [];
    const subtreeRoots: Uint8Array[] = [];
    for (const { level, index, width } of partialTilesOf(size)) {
      const tile = partialTiles.find((candidate) => candidate.level === level);
      if (tile?.index !== index || tile.width !== width) {
        throw new MalformedTile(
          `the partial tile of level ${level} is missing or has another address`,
        );
      }
      if (tile.hashes.length !== width * HASH_BYTES) {
        throw new MalformedTile(`the partial tile of level ${level} has the wrong length`);
      }
      partial.push(tile);
      subtreeRoots.unshift(...perfectSubtrees(tile));
    }
    if (partial.length !== partialTiles.length) {
      throw new MalformedTile('the tree does not have all of these tiles');
    }
    return new TreeFrontier(CompactRange.of(size, subtreeRoots), partial);
  }

  get size(): number {
    return this.#range.size;
  }

  root(): Uint8Array {
    return this.#range.root();
  }

  /** The tiles to store for `fromTiles`, lowest level first. Do not write to them. */
  get partialTiles(): readonly Tile[] {
    return this.#partial;
  }

  /** A copy of the subtree roots, as a start for `verifyLog`. */
  compactRange(): CompactRange {
    return this.#range.clone();
  }

  /** Appends leaf hashes in order. Computes one node hash per leaf on average. */
  append(leafHashes: readonly Uint8Array[]): Appended {
    const range = this.#range.clone();
    const completedTiles: Tile[] = [];
    const open: (OpenTile | undefined)[] = [];
    for (const { level, index } of partialTilesOf(range.size)) {
      const stored = this.#partial.find((tile) => tile.level === level);
      open[level] = new OpenTile(level, index, stored?.hashes);
    }
    const add = (level: number, hash: Uint8Array): void => {
      const index = Math.floor(range.size / TILE_WIDTH ** (level + 1));
      const tile = (open[level] ??= new OpenTile(level, index));
      tile.add(hash);
      if (tile.width === TILE_WIDTH) {
        completedTiles.push(tile.toTile());
        open[level] = undefined;
      }
    };
    for (const leafHash of leafHashes) {
      add(0, leafHash);
      range.append(leafHash, add);
    }
    const partial = open.flatMap((tile) => (tile === undefined ? [] : [tile.toTile()]));
    return { frontier: new TreeFrontier(range, partial), completedTiles };
  }
}

/** A tile under construction, in memory of its own. */
class OpenTile {
  readonly #hashes = new Uint8Array(TILE_BYTES);
  width = 0;

  constructor(
    readonly level: number,
    readonly index: number,
    stored?: Uint8Array,
  ) {
    if (stored !== undefined) {
      this.#hashes.set(stored);
      this.width = stored.length / HASH_BYTES;
    }
  }

  add(hash: Uint8Array): void {
    this.#hashes.set(hash, this.width * HASH_BYTES);
    this.width += 1;
  }

  toTile(): Tile {
    const { level, index, width } = this;
    return { level, index, width, hashes: this.#hashes.subarray(0, width * HASH_BYTES) };
  }
}

/** The roots of the largest perfect subtrees over a partial tile's hashes, largest first. */
function perfectSubtrees(tile: Tile): Uint8Array[] {
  const roots: Uint8Array[] = [];
  let offset = 0;
  for (let count = TILE_WIDTH / 2; count >= 1; count /= 2) {
    if (tile.width & count) {
      const end = offset + count * HASH_BYTES;
      roots.push(hashPerfectTree(tile.hashes.subarray(offset, end)));
      offset = end;
    }
  }
  return roots;
}
