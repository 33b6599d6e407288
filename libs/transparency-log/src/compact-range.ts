import { MalformedCompactRange } from './errors.js';
import { emptyRoot, HASH_BYTES, hashNode, hashPairInto, requireHash } from './hashing.js';
import { countOnes, requireInteger } from './numbers.js';

/** A tree of 2^53 - 1 leaves has 53 perfect subtrees, and one more during an append. */
const MAX_SUBTREES = 54;

/**
 * Receives each hash of a tile of level 1 or above as soon as its subtree is complete. `hash` is valid
 * during the call only.
 */
export type TileHashListener = (level: number, hash: Uint8Array) => void;

/**
 * The state needed to append to a tree: the roots of its perfect subtrees, largest first, one for each
 * set bit of its size. Mutable: `append` changes it in place, `clone` copies it.
 */
export class CompactRange {
  #size = 0;
  #subtrees = 0;
  readonly #hashes = new Uint8Array(MAX_SUBTREES * HASH_BYTES);

  /**
   * @param size number of leaves of all subtrees together.
   * @param subtreeRoots largest subtree first.
   * @throws MalformedCompactRange unless there is one root for each set bit of `size`.
   * @throws MalformedHash when a root is not 32 bytes long.
   */
  static of(size: number, subtreeRoots: readonly Uint8Array[]): CompactRange {
    requireInteger(size, 0, 'a size');
    if (subtreeRoots.length !== countOnes(size)) {
      throw new MalformedCompactRange('the number of subtrees does not match the size');
    }
    const range = new CompactRange();
    for (const root of subtreeRoots) {
      requireHash(root);
      range.#hashes.set(root, range.#subtrees * HASH_BYTES);
      range.#subtrees += 1;
    }
    range.#size = size;
    return range;
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  append(leafHash: Uint8Array, onTileHash?: TileHashListener): void {
    requireHash(leafHash);
    this.#hashes.set(leafHash, this.#subtrees * HASH_BYTES);
    this.#subtrees += 1;
    let height = 0;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = (this.#subtrees - 2) * HASH_BYTES;
      hashPairInto(this.#hashes, left, left);
      this.#subtrees -= 1;
      height += 1;
      if (onTileHash !== undefined && height % 8 === 0) {
        onTileHash(height / 8, this.#hashes.subarray(left, left + HASH_BYTES));
      }
    }
    this.#size += 1;
  }

  root(): Uint8Array {
    if (this.#subtrees === 0) {
      return emptyRoot();
    }
    let root: Uint8Array = new Uint8Array(this.#subtree(this.#subtrees - 1));
    for (let next = this.#subtrees - 2; next >= 0; next -= 1) {
      root = hashNode(this.#subtree(next), root);
    }
    return root;
  }

  clone(): CompactRange {
    const copy = new CompactRange();
    copy.#hashes.set(this.#hashes);
    copy.#subtrees = this.#subtrees;
    copy.#size = this.#size;
    return copy;
  }

  #subtree(position: number): Uint8Array {
    return this.#hashes.subarray(position * HASH_BYTES, (position + 1) * HASH_BYTES);
  }
}
