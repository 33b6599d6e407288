import { CompactRange } from './compact-range.js';
import { MalformedTile } from './errors.js';
import { hashBytes, hashPerfectTree } from './hashing.js';
import { partialTilesOf, tileWidth, type Tile } from './tile.js';

const tileBytes = tileWidth * hashBytes;

/** What an append gives: the tree after it, and the tiles that it filled, in the order of filling. */
export interface Appended {
  readonly edge: TreeEdge;
  readonly completedTiles: readonly Tile[];
}

/**
 * The right edge of a tree: its partial tiles and the roots of its perfect subtrees. It is all that a
 * log must load to append. It never changes: `append` gives a new one, so that the old one still
 * holds after a transaction that was rolled back.
 */
export class TreeEdge {
  readonly #range: CompactRange;
  readonly #partial: readonly Tile[];

  private constructor(range: CompactRange, partial: readonly Tile[]) {
    this.#range = range;
    this.#partial = partial;
  }

  static empty(): TreeEdge {
    return new TreeEdge(new CompactRange(), []);
  }

  /**
   * Goes on from stored tiles. Compare `root()` with the stored checkpoint: tiles that were changed
   * give another root.
   *
   * @param partialTiles exactly the tiles of `partialTilesOf(size)`, in any order.
   * @throws MalformedTile when one is missing, not of that tree or of the wrong length.
   */
  static fromTiles(size: number, partialTiles: readonly Tile[]): TreeEdge {
    const partial: Tile[] = [];
    const subtreeRoots: Buffer[] = [];
    for (const { level, index, width } of partialTilesOf(size)) {
      const tile = partialTiles.find((candidate) => candidate.level === level);
      if (tile?.index !== index || tile.width !== width) {
        throw new MalformedTile(`the partial tile of level ${level} is missing or another one`);
      }
      if (tile.hashes.length !== width * hashBytes) {
        throw new MalformedTile(`the partial tile of level ${level} has the wrong length`);
      }
      partial.push(tile);
      subtreeRoots.unshift(...perfectSubtrees(tile));
    }
    if (partial.length !== partialTiles.length) {
      throw new MalformedTile('there are tiles that the tree does not have');
    }
    return new TreeEdge(CompactRange.of(size, subtreeRoots), partial);
  }

  get size(): number {
    return this.#range.size;
  }

  root(): Buffer {
    return this.#range.root();
  }

  /** The tiles to store for the next `fromTiles`, lowest level first. Don't write to them. */
  get partialTiles(): readonly Tile[] {
    return this.#partial;
  }

  /** A copy of the subtree roots, to verify from here on. */
  compactRange(): CompactRange {
    return this.#range.clone();
  }

  /** Appends leaf hashes in order, each hashed once: one node for each leaf on average. */
  append(leafHashes: readonly Uint8Array[]): Appended {
    const range = this.#range.clone();
    const completedTiles: Tile[] = [];
    const open: (OpenTile | undefined)[] = [];
    for (const { level, index } of partialTilesOf(range.size)) {
      const stored = this.#partial.find((tile) => tile.level === level);
      open[level] = new OpenTile(level, index, stored?.hashes);
    }
    const add = (level: number, hash: Uint8Array): void => {
      const index = Math.floor(range.size / tileWidth ** (level + 1));
      const tile = (open[level] ??= new OpenTile(level, index));
      tile.add(hash);
      if (tile.width === tileWidth) {
        completedTiles.push(tile.toTile());
        open[level] = undefined;
      }
    };
    for (const leafHash of leafHashes) {
      add(0, leafHash);
      range.append(leafHash, add);
    }
    const partial = open.flatMap((tile) => (tile === undefined ? [] : [tile.toTile()]));
    return { edge: new TreeEdge(range, partial), completedTiles };
  }
}

/** A tile that takes further hashes, in memory that nothing else writes to. */
class OpenTile {
  readonly #hashes = Buffer.alloc(tileBytes);
  width = 0;

  constructor(
    readonly level: number,
    readonly index: number,
    stored?: Buffer,
  ) {
    if (stored !== undefined) {
      stored.copy(this.#hashes);
      this.width = stored.length / hashBytes;
    }
  }

  add(hash: Uint8Array): void {
    this.#hashes.set(hash, this.width * hashBytes);
    this.width += 1;
  }

  toTile(): Tile {
    const { level, index, width } = this;
    return { level, index, width, hashes: this.#hashes.subarray(0, width * hashBytes) };
  }
}

/** The roots of the largest perfect subtrees over a partial tile's hashes, largest first. */
function perfectSubtrees(tile: Tile): Buffer[] {
  const roots: Buffer[] = [];
  let offset = 0;
  for (let count = tileWidth / 2; count >= 1; count /= 2) {
    if (tile.width & count) {
      const end = offset + count * hashBytes;
      roots.push(hashPerfectTree(tile.hashes.subarray(offset, end)));
      offset = end;
    }
  }
  return roots;
}
