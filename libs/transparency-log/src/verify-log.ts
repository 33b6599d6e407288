import { concatBytes, equalBytes } from './bytes.js';
import { CompactRange } from './compact-range.js';
import { LogMismatch, OutOfRange } from './errors.js';
import { HASH_BYTES, hashLeaf } from './hashing.js';
import { readTileHashes, TILE_WIDTH, tileWidthAt, type TileReader } from './tile.js';

/** Any number of consecutive entries, or the concatenated leaf hashes of pruned entries. */
export type LogBatch = readonly Uint8Array[] | { readonly leafHashes: Uint8Array };

/** The trusted root of a size: from a verified checkpoint. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** The input of `verifyLog`. */
export interface LogClaim {
  /** The tree before the first batch: empty, or the result of an earlier run. */
  readonly start: CompactRange;
  readonly batches: AsyncIterable<LogBatch> | Iterable<LogBatch>;
  /**
   * In ascending order of size, none below `start`. The log ends at the last one. Without tiles, a
   * fault is located between two heads; more heads locate it more precisely.
   */
  readonly heads: readonly [TreeHead, ...TreeHead[]];
  /**
   * The log's tiles at the last head. With them the first wrong entry is located exactly, and tiles
   * of every level are compared with the entries.
   */
  readonly readTile?: TileReader;
}

/**
 * Recomputes the tree of a log and compares it with the log's tiles and checkpoints. Each batch and
 * each tile is read once; memory is one tile per level.
 *
 * @returns the tree at the last head, as the `start` of a later run.
 * @throws LogMismatch with the first fault, in the order of the entries.
 * @throws OutOfRange when the heads do not ascend from `start`.
 */
export async function verifyLog(claim: LogClaim): Promise<CompactRange> {
  return new LogWalk(claim).run();
}

interface TileHash {
  readonly level: number;
  readonly position: number;
  readonly hash: Uint8Array;
}

class LogWalk {
  readonly #claim: LogClaim;
  readonly #range: CompactRange;
  readonly #endSize: number;
  readonly #heads: TreeHead[];
  readonly #tiles = new Map<number, { index: number; hashes: Uint8Array }>();
  /** Entries below this index were compared with a head, or belong to `start`. */
  #verifiedSize: number;

  constructor(claim: LogClaim) {
    this.#claim = claim;
    this.#range = claim.start.clone();
    this.#verifiedSize = 0;
    this.#heads = [...claim.heads];
    const sizes = [this.#range.size, ...this.#heads.map(({ size }) => size)];
    this.#endSize = sizes.at(-1) ?? 0;
    const ascends = sizes.every(
      (size, at) => Number.isSafeInteger(size) && size >= (sizes[at - 1] ?? 0),
    );
    if (!ascends) {
      throw new OutOfRange('the sizes of the heads do not ascend from the start');
    }
  }

  async run(): Promise<CompactRange> {
    this.#checkHeads();
    this.#verifiedSize = this.#range.size;
    for await (const batch of this.#claim.batches) {
      await this.#addBatch(leafHashesOf(batch));
    }
    const { size } = this.#range;
    if (size < this.#endSize) {
      throw new LogMismatch('entry-missing', size, size + 1);
    }
    return this.#range;
  }

  /** Splits at tile boundaries and at heads, so that faults appear in the order of the entries. */
  async #addBatch(leafHashes: readonly Uint8Array[]): Promise<void> {
    for (let next = 0; next < leafHashes.length;) {
      const { size } = this.#range;
      const headSize = this.#heads[0]?.size;
      if (headSize === undefined) {
        throw new LogMismatch('entry-added', size, size + 1);
      }
      const count = Math.min(TILE_WIDTH - (size % TILE_WIDTH), headSize - size);
      const chunk = leafHashes.slice(next, next + count);
      await this.#checkLeaves(chunk);
      await this.#append(chunk);
      this.#checkHeads();
      next += chunk.length;
    }
  }

  async #checkLeaves(leafHashes: readonly Uint8Array[]): Promise<void> {
    const { size } = this.#range;
    const tile = await this.#tile(0, Math.floor(size / TILE_WIDTH));
    const from = (size % TILE_WIDTH) * HASH_BYTES;
    const hashes = concatBytes(leafHashes);
    if (tile === undefined || equalBytes(tile.subarray(from, from + hashes.length), hashes)) {
      return;
    }
    const at = leafHashes.findIndex(
      (hash, nth) => !equalBytes(hash, hashAt(tile, (size % TILE_WIDTH) + nth)),
    );
    throw new LogMismatch('entry-differs', size + at, size + at + 1);
  }

  async #append(leafHashes: readonly Uint8Array[]): Promise<void> {
    const finished: TileHash[] = [];
    for (const leafHash of leafHashes) {
      const { size } = this.#range;
      this.#range.append(leafHash, (level, hash) => {
        const position = Math.floor(size / TILE_WIDTH ** level);
        finished.push({ level, position, hash: new Uint8Array(hash) });
      });
    }
    for (const { level, position, hash } of finished) {
      const tile = await this.#tile(level, Math.floor(position / TILE_WIDTH));
      if (tile !== undefined && !equalBytes(hash, hashAt(tile, position % TILE_WIDTH))) {
        const leaves = TILE_WIDTH ** level;
        const first = Math.max(position * leaves, this.#claim.start.size);
        throw new LogMismatch('tile-differs', first, (position + 1) * leaves);
      }
    }
  }

  #checkHeads(): void {
    for (let head = this.#heads[0]; head?.size === this.#range.size; head = this.#heads[0]) {
      if (!equalBytes(this.#range.root(), head.root)) {
        throw new LogMismatch('root-differs', this.#verifiedSize, head.size);
      }
      this.#verifiedSize = head.size;
      this.#heads.shift();
    }
  }

  async #tile(level: number, index: number): Promise<Uint8Array | undefined> {
    const read = this.#claim.readTile;
    if (read === undefined) {
      return undefined;
    }
    const cached = this.#tiles.get(level);
    if (cached?.index === index) {
      return cached.hashes;
    }
    const width = tileWidthAt(level, index, this.#endSize);
    const hashes = await readTileHashes(read, { level, index, width });
    this.#tiles.set(level, { index, hashes });
    return hashes;
  }
}

function leafHashesOf(batch: LogBatch): Uint8Array[] {
  if (!('leafHashes' in batch)) {
    return batch.map(hashLeaf);
  }
  const hashes = batch.leafHashes;
  const count = Math.ceil(hashes.length / HASH_BYTES);
  return Array.from({ length: count }, (_, nth) => hashAt(hashes, nth));
}

function hashAt(hashes: Uint8Array, position: number): Uint8Array {
  return hashes.subarray(position * HASH_BYTES, (position + 1) * HASH_BYTES);
}
