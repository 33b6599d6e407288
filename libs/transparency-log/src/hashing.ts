import { sha256, writeSha256 } from '#transparency-log/crypto';
import { concatBytes } from './bytes.js';
import { MalformedHash } from './errors.js';

/** Length of a SHA-256 hash. */
export const HASH_BYTES = 32;

/** An entry bundle stores the length of an entry in 16 bits (C2SP tlog-tiles). */
export const MAX_ENTRY_BYTES = 65_535;

// Reused buffers: these functions are synchronous and run millions of times. The first byte is the
// domain separator of leaves and nodes (RFC 6962 section 2.1) and never changes.
const leafInput = new Uint8Array(1 + MAX_ENTRY_BYTES);
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES);
nodeInput[0] = 0x01;

/** The root of an empty tree (RFC 6962 section 2.1). */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array());
}

/** The leaf hash of an entry of any length (RFC 6962 section 2.1). */
export function hashLeaf(entry: Uint8Array): Uint8Array {
  if (entry.length > MAX_ENTRY_BYTES) {
    return sha256(concatBytes([leafInput.subarray(0, 1), entry]));
  }
  leafInput.set(entry, 1);
  return sha256(leafInput.subarray(0, 1 + entry.length));
}

/**
 * The hash of a node (RFC 6962 section 2.1).
 *
 * @throws MalformedHash when a child is not 32 bytes long.
 */
export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  requireHash(left);
  requireHash(right);
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/**
 * Hashes the two adjacent hashes at `sourceOffset` and writes the result at `targetOffset`. Offsets
 * are in bytes; the ranges may overlap.
 */
export function hashPairInto(hashes: Uint8Array, sourceOffset: number, targetOffset: number): void {
  nodeInput.set(hashes.subarray(sourceOffset, sourceOffset + 2 * HASH_BYTES), 1);
  writeSha256(nodeInput, hashes, targetOffset);
}

/** The root over adjacent hashes. Their number is a power of two. */
export function hashPerfectTree(hashes: Uint8Array): Uint8Array {
  const work = new Uint8Array(hashes);
  for (let length = work.length; length > HASH_BYTES; length /= 2) {
    for (let offset = 0; offset < length; offset += 2 * HASH_BYTES) {
      hashPairInto(work, offset, offset / 2);
    }
  }
  return work.subarray(0, HASH_BYTES);
}

/** @throws MalformedHash unless `value` is 32 bytes long. */
export function requireHash(value: Uint8Array): void {
  if (value.length !== HASH_BYTES) {
    throw new MalformedHash(`a hash has ${HASH_BYTES} bytes, not ${value.length}`);
  }
}
