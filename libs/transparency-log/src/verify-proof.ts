import { equalBytes } from './bytes.js';
import { ProofMismatch } from './errors.js';
import { emptyRoot, HASH_BYTES, hashNode } from './hashing.js';
import { consistencyPath, inclusionSteps } from './proof-steps.js';

/** The claim that a tree contains a leaf. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** The claim that the old tree is a prefix of the new one. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly newSize: number;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Verifies an inclusion proof (RFC 9162 section 2.1.3.2).
 *
 * Size and root must come from one verified checkpoint: proofs for different sizes can have the same
 * shape, and only the log's signature binds the size to the root.
 *
 * @throws ProofMismatch for a wrong proof or an invalid claim.
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
  requireEqual(hash, root, 'the proof gives another root');
}

/**
 * Verifies a consistency proof: the new tree starts with all leaves of the old one (RFC 9162 section
 * 2.1.4.2). Sizes and roots must come from verified checkpoints, as for `verifyInclusion`.
 *
 * @throws ProofMismatch for a wrong proof or an invalid claim.
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
    requireEqual(newRoot, emptyRoot(), 'the new tree is empty but has another root');
  }
  if (oldSize === 0) {
    requireLength(proof, 0);
    requireEqual(oldRoot, emptyRoot(), 'the old tree is empty but has another root');
    return;
  }
  if (oldSize === newSize) {
    requireLength(proof, 0);
    requireEqual(oldRoot, newRoot, 'trees of the same size have different roots');
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
  requireEqual(old, oldRoot, 'the proof gives another old root');
  requireEqual(grown, newRoot, 'the proof gives another new root');
}

function join(known: Uint8Array, step: Uint8Array | undefined, side: 'left' | 'right'): Uint8Array {
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
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) {
    throw new ProofMismatch(`a hash does not have ${HASH_BYTES} bytes`);
  }
}

function requireLength(proof: readonly Uint8Array[], length: number): void {
  if (proof.length !== length) {
    throw new ProofMismatch('the proof has too few or too many hashes');
  }
}

function requireEqual(actual: Uint8Array, expected: Uint8Array, otherwise: string): void {
  if (!equalBytes(actual, expected)) {
    throw new ProofMismatch(otherwise);
  }
}
