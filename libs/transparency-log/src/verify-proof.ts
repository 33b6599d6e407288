import { ProofMismatch } from './errors.js';
import { emptyRoot, hashBytes, hashNode } from './hashing.js';
import { consistencyPath, inclusionSteps } from './proof-steps.js';

/** A claim that a leaf is in a tree. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** A claim that one tree continues another. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly newSize: number;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Checks that the leaf is at that index of the tree with that root (RFC 9162 section 2.1.3.2).
 *
 * Size and root must come from one verified checkpoint: several sizes can share the shape of a proof,
 * and only the log's signature ties the size to the root.
 *
 * @throws ProofMismatch when it is not, or the claim makes no sense.
 */
export function verifyInclusion({ index, size, leafHash, proof, root }: InclusionClaim): void {
  requireSize(index);
  requireSize(size);
  if (index >= size) {
    throw new ProofMismatch('the tree has no leaf with that index');
  }
  const steps = inclusionSteps(index, size);
  requireHashes([leafHash, root, ...proof]);
  requireLength(proof, steps.length);
  let hash = leafHash;
  steps.forEach(({ side }, at) => {
    hash = join(hash, proof[at], side);
  });
  requireEqual(hash, root, 'the proof leads to another root');
}

/**
 * Checks that the new tree starts with all leaves of the old one (RFC 9162 section 2.1.4.2). Sizes
 * and roots must come from verified checkpoints, as for `verifyInclusion`.
 *
 * @throws ProofMismatch when it does not, or the claim makes no sense.
 */
export function verifyConsistency(claim: ConsistencyClaim): void {
  const { oldSize, oldRoot, newSize, newRoot, proof } = claim;
  requireSize(oldSize);
  requireSize(newSize);
  requireHashes([oldRoot, newRoot, ...proof]);
  if (oldSize > newSize) {
    throw new ProofMismatch('the old tree is larger than the new one');
  }
  if (newSize === 0) {
    requireEqual(newRoot, emptyRoot(), 'the new tree is empty, its root is not');
  }
  if (oldSize === 0) {
    requireLength(proof, 0);
    requireEqual(oldRoot, emptyRoot(), 'the old tree is empty, its root is not');
    return;
  }
  if (oldSize === newSize) {
    requireLength(proof, 0);
    requireEqual(oldRoot, newRoot, 'trees of one size have two roots');
    return;
  }
  const { shared, steps } = consistencyPath(oldSize, newSize);
  const path = shared.start === 0 ? [oldRoot, ...proof] : proof;
  requireLength(path, steps.length + 1);
  let old = path[0] ?? oldRoot;
  let grown = old;
  steps.forEach(({ side }, at) => {
    const hash = path[at + 1];
    old = side === 'left' ? join(old, hash, side) : old;
    grown = join(grown, hash, side);
  });
  requireEqual(old, oldRoot, 'the proof leads to another old root');
  requireEqual(grown, newRoot, 'the proof leads to another new root');
}

function join(known: Uint8Array, step: Uint8Array | undefined, side: 'left' | 'right'): Buffer {
  if (step === undefined) {
    throw new ProofMismatch('the proof is too short');
  }
  return side === 'left' ? hashNode(step, known) : hashNode(known, step);
}

function requireSize(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ProofMismatch('an index or size is not an integer from 0 to 2^53 - 1');
  }
}

function requireHashes(hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== hashBytes)) {
    throw new ProofMismatch(`a hash does not have ${hashBytes} bytes`);
  }
}

function requireLength(proof: readonly Uint8Array[], length: number): void {
  if (proof.length !== length) {
    throw new ProofMismatch('the proof has too few or too many hashes');
  }
}

function requireEqual(actual: Uint8Array, expected: Uint8Array, otherwise: string): void {
  if (Buffer.compare(actual, expected) !== 0) {
    throw new ProofMismatch(otherwise);
  }
}
