import { CompactRange } from './compact-range.js';
import { OutOfRange } from './errors.js';
import { emptyRoot, HASH_BYTES, hashNode, hashPerfectTree } from './hashing.js';
import { floorLog2, requireInteger } from './numbers.js';
import { consistencyPath, inclusionSteps, type LeafRange } from './proof-steps.js';
import { readTileHashes, TILE_WIDTH, tileWidthAt, type TileReader } from './tile.js';

/** Levels of the tree in one tile. */
const TILE_HEIGHT = 8;

/**
 * Computes roots and proofs of a tree of a fixed size from its tiles. Each tile is read once; the
 * tiles of one proof are read concurrently. The tiles are not trusted: verify the result against a
 * signed checkpoint with `verifyInclusion` or `verifyConsistency`.
 */
export class TreeReader {
  readonly #tiles = new Map<string, Promise<Uint8Array>>();

  /** @throws OutOfRange unless `size` is an integer from 0 to 2^53 - 1. */
  constructor(
    readonly size: number,
    private readonly readTile: TileReader,
  ) {
    requireInteger(size, 0, 'a size');
  }

  async root(): Promise<Uint8Array> {
    return this.size === 0 ? emptyRoot() : this.#rootOver({ start: 0, end: this.size });
  }

  /** The state needed to append after the last leaf. */
  async compactRange(): Promise<CompactRange> {
    const roots = await this.#perfectSubtrees({ start: 0, end: this.size });
    return CompactRange.of(this.size, roots);
  }

  /**
   * The inclusion proof of a leaf: hashes from its sibling upwards (RFC 6962 section 2.1.1).
   *
   * @throws OutOfRange when the tree has no such leaf.
   * @throws MalformedTile when a tile has the wrong length.
   */
  async inclusionProof(index: number): Promise<Uint8Array[]> {
    requireInteger(index, 0, 'an index');
    if (index >= this.size) {
      throw new OutOfRange('the tree has no leaf with that index');
    }
    return this.#rootsOver(inclusionSteps(index, this.size));
  }

  /**
   * The consistency proof from the tree of `oldSize` to this one (RFC 6962 section 2.1.2). Empty when
   * the old tree is empty or has the same size.
   *
   * @throws OutOfRange when the old tree is larger.
   * @throws MalformedTile when a tile has the wrong length.
   */
  async consistencyProof(oldSize: number): Promise<Uint8Array[]> {
    requireInteger(oldSize, 0, 'a size');
    if (oldSize > this.size) {
      throw new OutOfRange('the old tree is larger than the new one');
    }
    if (oldSize === 0 || oldSize === this.size) {
      return [];
    }
    const { shared, steps } = consistencyPath(oldSize, this.size);
    return this.#rootsOver(shared.start === 0 ? steps : [shared, ...steps]);
  }

  async #rootsOver(ranges: readonly LeafRange[]): Promise<Uint8Array[]> {
    return Promise.all(ranges.map(async (range) => this.#rootOver(range)));
  }

  async #rootOver(range: LeafRange): Promise<Uint8Array> {
    const subtrees = await this.#perfectSubtrees(range);
    return subtrees.reduceRight((right, left) => hashNode(left, right));
  }

  /** The start must be a multiple of the largest power of two that fits in the range. */
  async #perfectSubtrees({ start, end }: LeafRange): Promise<Uint8Array[]> {
    const roots: Promise<Uint8Array>[] = [];
    for (let next = start; next < end;) {
      const height = floorLog2(end - next);
      roots.push(this.#perfectSubtree(next, height));
      next += 2 ** height;
    }
    return Promise.all(roots);
  }

  async #perfectSubtree(start: number, height: number): Promise<Uint8Array> {
    const level = Math.floor(height / TILE_HEIGHT);
    const first = start / TILE_WIDTH ** level;
    const hashes = await this.#tile(level, Math.floor(first / TILE_WIDTH));
    const offset = (first % TILE_WIDTH) * HASH_BYTES;
    return hashPerfectTree(
      hashes.subarray(offset, offset + 2 ** (height % TILE_HEIGHT) * HASH_BYTES),
    );
  }

  async #tile(level: number, index: number): Promise<Uint8Array> {
    const key = `${level}/${index}`;
    let hashes = this.#tiles.get(key);
    if (hashes === undefined) {
      const width = tileWidthAt(level, index, this.size);
      hashes = readTileHashes(this.readTile, { level, index, width });
      this.#tiles.set(key, hashes);
    }
    return hashes;
  }
}
