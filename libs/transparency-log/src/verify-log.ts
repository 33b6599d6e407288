import { CompactRange } from './compact-range.js';
import { LogMismatch, OutOfRange } from './errors.js';
import { hashBytes, hashLeaf } from './hashing.js';
import { readTileHashes, tileWidth, tileWidthAt, type TileReader } from './tile.js';

/** Neighbouring entries in order, any number of them; or their leaf hashes when they were pruned. */
export type LogBatch = readonly Uint8Array[] | { readonly leafHashes: Uint8Array };

/** A root that is known to be right at a size: from a checkpoint that was verified. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** What `verifyLog` checks. */
export interface LogClaim {
  /** The tree before the first batch: empty, or that of a checkpoint that was verified earlier. */
  readonly start: CompactRange;
  readonly batches: AsyncIterable<LogBatch> | Iterable<LogBatch>;
  /**
   * Ascending sizes, none below that of `start`; the log ends at the last one. The more there are,
   * the narrower a fault is located where tiles don't show it.
   */
  readonly heads: readonly [TreeHead, ...TreeHead[]];
  /**
   * The log's own tiles for the last head. With them the first wrong entry is named exactly, and
   * tiles of any level that don't belong to the entries are found too.
   */
  readonly readTile?: TileReader;
}

/**
 * Hashes a log again and holds it against its tiles and checkpoints, reading each batch and each tile
 * once. Nothing is kept but one tile for each level.
 *
 * @returns the tree at the last head: the `start` of a later run.
 * @throws LogMismatch with the first fault in the order of the entries.
 * @throws OutOfRange when the heads don't ascend from `start`.
 */
export async function verifyLog(claim: LogClaim): Promise<CompactRange> {
  return new LogWalk(claim).run();
}

interface TileHash {
  readonly level: number;
  readonly position: number;
  readonly hash: Buffer;
}

class LogWalk {
  readonly #claim: LogClaim;
  readonly #range: CompactRange;
  readonly #endSize: number;
  readonly #heads: TreeHead[];
  readonly #tiles = new Map<number, { index: number; hashes: Buffer }>();
  /** Everything below was held against a head, or came with `start`. */
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

  /** Stops at the ends of tiles and at heads, so that faults are met in the order of the entries. */
  async #addBatch(leafHashes: readonly Buffer[]): Promise<void> {
    for (let next = 0; next < leafHashes.length;) {
      const { size } = this.#range;
      const headSize = this.#heads[0]?.size;
      if (headSize === undefined) {
        throw new LogMismatch('entry-added', size, size + 1);
      }
      const count = Math.min(tileWidth - (size % tileWidth), headSize - size);
      const some = leafHashes.slice(next, next + count);
      await this.#checkLeaves(some);
      await this.#append(some);
      this.#checkHeads();
      next += some.length;
    }
  }

  async #checkLeaves(leafHashes: readonly Buffer[]): Promise<void> {
    const { size } = this.#range;
    const tile = await this.#tile(0, Math.floor(size / tileWidth));
    const from = (size % tileWidth) * hashBytes;
    const hashes = Buffer.concat(leafHashes);
    if (tile === undefined || tile.subarray(from, from + hashes.length).equals(hashes)) {
      return;
    }
    const at = leafHashes.findIndex(
      (hash, nth) => !hash.equals(hashAt(tile, (size % tileWidth) + nth)),
    );
    throw new LogMismatch('entry-differs', size + at, size + at + 1);
  }

  async #append(leafHashes: readonly Buffer[]): Promise<void> {
    const finished: TileHash[] = [];
    for (const leafHash of leafHashes) {
      const { size } = this.#range;
      this.#range.append(leafHash, (level, hash) => {
        const position = Math.floor(size / tileWidth ** level);
        finished.push({ level, position, hash: Buffer.from(hash) });
      });
    }
    for (const { level, position, hash } of finished) {
      const tile = await this.#tile(level, Math.floor(position / tileWidth));
      if (tile !== undefined && !hash.equals(hashAt(tile, position % tileWidth))) {
        const leaves = tileWidth ** level;
        const first = Math.max(position * leaves, this.#claim.start.size);
        throw new LogMismatch('tile-differs', first, (position + 1) * leaves);
      }
    }
  }

  #checkHeads(): void {
    for (let head = this.#heads[0]; head?.size === this.#range.size; head = this.#heads[0]) {
      if (!this.#range.root().equals(head.root)) {
        throw new LogMismatch('root-differs', this.#verifiedSize, head.size);
      }
      this.#verifiedSize = head.size;
      this.#heads.shift();
    }
  }

  async #tile(level: number, index: number): Promise<Buffer | undefined> {
    const read = this.#claim.readTile;
    if (read === undefined) {
      return undefined;
    }
    const kept = this.#tiles.get(level);
    if (kept?.index === index) {
      return kept.hashes;
    }
    const width = tileWidthAt(level, index, this.#endSize);
    const hashes = await readTileHashes(read, { level, index, width });
    this.#tiles.set(level, { index, hashes });
    return hashes;
  }
}

function leafHashesOf(batch: LogBatch): Buffer[] {
  if (!('leafHashes' in batch)) {
    return batch.map(hashLeaf);
  }
  const hashes = Buffer.from(batch.leafHashes);
  const count = Math.ceil(hashes.length / hashBytes);
  return Array.from({ length: count }, (_, nth) => hashAt(hashes, nth));
}

function hashAt(hashes: Buffer, position: number): Buffer {
  return hashes.subarray(position * hashBytes, (position + 1) * hashBytes);
}
