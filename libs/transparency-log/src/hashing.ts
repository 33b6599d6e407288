import { hash } from 'node:crypto';
import { MalformedHash } from './errors.js';

/** The length of every hash: SHA-256. */
export const hashBytes = 32;

/** Entry bundles give an entry's length 16 bits (C2SP tlog-tiles). */
export const maxEntryBytes = 65_535;

// Reused, because these functions are synchronous and called millions of times. The first byte keeps
// leaves and nodes apart (RFC 6962 section 2.1) and is never written again.
const leafInput = Buffer.alloc(1 + maxEntryBytes);
const nodeInput = Buffer.alloc(1 + 2 * hashBytes);
nodeInput[0] = 0x01;

/** SHA-256 as a Latin-1 string, which Node produces about twice as fast as a new Buffer. */
function digest(input: Buffer): string {
  return hash('sha256', input, 'binary');
}

/** The root of a tree without entries. */
export function emptyRoot(): Buffer {
  return hash('sha256', '', 'buffer');
}

/** The leaf hash of an entry of any length (RFC 6962 section 2.1). */
export function hashLeaf(entry: Uint8Array): Buffer {
  if (entry.length > maxEntryBytes) {
    return Buffer.from(digest(Buffer.concat([leafInput.subarray(0, 1), entry])), 'latin1');
  }
  leafInput.set(entry, 1);
  return Buffer.from(digest(leafInput.subarray(0, 1 + entry.length)), 'latin1');
}

/** The hash of a node with these children (RFC 6962 section 2.1). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  requireHash(left);
  requireHash(right);
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashBytes);
  return Buffer.from(digest(nodeInput), 'latin1');
}

/**
 * Replaces the two neighbouring hashes at `sourceOffset` by their node's hash at `targetOffset`.
 * Both offsets are in bytes; the ranges may overlap.
 */
export function hashPairInto(hashes: Buffer, sourceOffset: number, targetOffset: number): void {
  hashes.copy(nodeInput, 1, sourceOffset, sourceOffset + 2 * hashBytes);
  hashes.write(digest(nodeInput), targetOffset, 'latin1');
}

/** The root over neighbouring hashes, whose number is a power of two. */
export function hashPerfectTree(hashes: Uint8Array): Buffer {
  const work = Buffer.from(hashes);
  for (let length = work.length; length > hashBytes; length /= 2) {
    for (let offset = 0; offset < length; offset += 2 * hashBytes) {
      hashPairInto(work, offset, offset / 2);
    }
  }
  return work.subarray(0, hashBytes);
}

/** @throws MalformedHash unless `value` is as long as a hash. */
export function requireHash(value: Uint8Array): void {
  if (value.length !== hashBytes) {
    throw new MalformedHash(`a hash has ${hashBytes} bytes, not ${value.length}`);
  }
}
