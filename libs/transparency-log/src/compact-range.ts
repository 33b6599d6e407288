import { MalformedCompactRange } from './errors.js';
import { emptyRoot, hashBytes, hashNode, hashPairInto, requireHash } from './hashing.js';
import { countOnes, requireInteger } from './numbers.js';

/** The tree of 2^53 - 1 leaves has this many perfect subtrees, and one more while it grows. */
const maxSubtrees = 54;
const sizeBytes = 8;

/**
 * Receives each hash that belongs to a tile of level 1 or above, as soon as its subtree is whole.
 * `hash` is valid during the call only.
 */
export type TileHashListener = (level: number, hash: Buffer) => void;

/**
 * All that is needed to go on hashing a tree: the roots of its perfect subtrees, largest first, one
 * for each bit that is set in its size. It changes in place; `clone` it to keep a state.
 */
export class CompactRange {
  #size = 0;
  #subtrees = 0;
  readonly #hashes = Buffer.alloc(maxSubtrees * hashBytes);

  /**
   * @param size how many leaves the subtrees hold together.
   * @param subtreeRoots largest subtree first.
   * @throws MalformedCompactRange unless there is one root for each bit that is set in `size`.
   */
  static of(size: number, subtreeRoots: readonly Uint8Array[]): CompactRange {
    requireInteger(size, 0, 'a size');
    if (subtreeRoots.length !== countOnes(size)) {
      throw new MalformedCompactRange('the number of subtrees does not fit the size');
    }
    const range = new CompactRange();
    for (const root of subtreeRoots) {
      requireHash(root);
      range.#hashes.set(root, range.#subtrees * hashBytes);
      range.#subtrees += 1;
    }
    range.#size = size;
    return range;
  }

  /** Reads what `toBytes` wrote. @throws MalformedCompactRange for anything else. */
  static parse(bytes: Uint8Array): CompactRange {
    const buffer = Buffer.from(bytes);
    if (buffer.length < sizeBytes) {
      throw new MalformedCompactRange('there is no size');
    }
    const size = Number(buffer.readBigUInt64BE());
    if (!Number.isSafeInteger(size) || buffer.length !== sizeBytes + countOnes(size) * hashBytes) {
      throw new MalformedCompactRange('the length does not fit the size');
    }
    const range = new CompactRange();
    buffer.copy(range.#hashes, 0, sizeBytes);
    range.#subtrees = countOnes(size);
    range.#size = size;
    return range;
  }

  /** How many leaves were appended. */
  get size(): number {
    return this.#size;
  }

  append(leafHash: Uint8Array, onTileHash?: TileHashListener): void {
    requireHash(leafHash);
    this.#hashes.set(leafHash, this.#subtrees * hashBytes);
    this.#subtrees += 1;
    let height = 0;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = (this.#subtrees - 2) * hashBytes;
      hashPairInto(this.#hashes, left, left);
      this.#subtrees -= 1;
      height += 1;
      if (onTileHash !== undefined && height % 8 === 0) {
        onTileHash(height / 8, this.#hashes.subarray(left, left + hashBytes));
      }
    }
    this.#size += 1;
  }

  root(): Buffer {
    if (this.#subtrees === 0) {
      return emptyRoot();
    }
    let root: Buffer = Buffer.from(this.#subtree(this.#subtrees - 1));
    for (let next = this.#subtrees - 2; next >= 0; next -= 1) {
      root = hashNode(this.#subtree(next), root);
    }
    return root;
  }

  clone(): CompactRange {
    const copy = new CompactRange();
    this.#hashes.copy(copy.#hashes);
    copy.#subtrees = this.#subtrees;
    copy.#size = this.#size;
    return copy;
  }

  /** The size as 8 bytes, big-endian, then the subtree roots: at most 1,704 bytes. */
  toBytes(): Buffer {
    const bytes = Buffer.alloc(sizeBytes + this.#subtrees * hashBytes);
    bytes.writeBigUInt64BE(BigInt(this.#size));
    this.#hashes.copy(bytes, sizeBytes, 0, this.#subtrees * hashBytes);
    return bytes;
  }

  #subtree(position: number): Buffer {
    return this.#hashes.subarray(position * hashBytes, (position + 1) * hashBytes);
  }
}
