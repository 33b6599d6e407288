import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MemoryLog, sampleEntries, NaiveTree, CT_ROOTS } from './testing.js';
import { MalformedTile, OutOfRange, ProofMismatch } from './errors.js';
import { hashLeaf, hashNode } from './hashing.js';
import type { TileReader } from './tile.js';
import { TreeReader } from './tree-reader.js';
import { verifyConsistency, verifyInclusion } from './verify-proof.js';

// All sizes take seconds of hashing, and much longer on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/** Four full tiles and a part of one. */
const MAX_SIZE = 1_100;

function logOf(entries: readonly Buffer[]): MemoryLog {
  const log = new MemoryLog();
  log.append(entries);
  return log;
}

function flipBit(bytes: Uint8Array, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  const at = Math.floor(bit / 8) % flipped.length;
  flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
  return flipped;
}

describe('inclusion proofs', () => {
  it('match RFC 6962 and verify, at every size up to 1,100', async () => {
    const entries = sampleEntries(MAX_SIZE);
    const naive = new NaiveTree(entries);
    const log = logOf(entries);
    const everySize = async (salt: number): Promise<void> => {
      for (let size = 1; size <= MAX_SIZE; size += 1) {
        const reader = new TreeReader(size, log.readTile);
        const root = naive.root(0, size);
        for (const index of new Set([size - 1, (salt * 31 + size) % size])) {
          const proof = await reader.inclusionProof(index);
          const expected = naive.inclusionProof(index, 0, size);
          expect(Buffer.concat(proof).equals(Buffer.concat(expected))).toBe(true);
          verifyInclusion({ index, size, leafHash: naive.root(index, index + 1), proof, root });
        }
      }
    };
    await fc.assert(fc.asyncProperty(fc.nat(), everySize), { numRuns: 1 });
  });

  it('are rejected after any bit of proof, leaf or root is changed, and for another index', async () => {
    const entries = sampleEntries(MAX_SIZE);
    const log = logOf(entries);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: MAX_SIZE }),
        fc.nat(),
        fc.nat(),
        async (size, a, bit) => {
          const index = a % size;
          const reader = new TreeReader(size, log.readTile);
          const proof = await reader.inclusionProof(index);
          const leafHash = hashLeaf(entries[index] ?? Buffer.alloc(1));
          const claim = { index, size, leafHash, proof, root: await reader.root() };
          verifyInclusion(claim);
          const at = a % proof.length;
          const changedProof = proof.with(at, flipBit(proof[at] ?? leafHash, bit));
          for (const change of [
            { proof: changedProof },
            { proof: proof.slice(1) },
            { proof: proof.slice(0, -1) },
            { proof: [...proof, leafHash] },
            { proof: proof.with(at, leafHash.subarray(1)) },
            { leafHash: flipBit(leafHash, bit) },
            { root: flipBit(claim.root, bit) },
            { index: (index + 1 + (bit % (size - 1))) % size },
            { index: index + 2 ** 33 },
            { index: -1 },
            { index: index + 0.5 },
            { size: index },
            { size: Number.NaN },
          ]) {
            expect(() => {
              verifyInclusion({ ...claim, ...change });
            }).toThrow(ProofMismatch);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are not made for leaves that the tree does not have', async () => {
    const log = logOf(sampleEntries(5));
    const reader = new TreeReader(5, log.readTile);
    for (const index of [5, -1, 0.5, Number.NaN]) {
      await expect(reader.inclusionProof(index)).rejects.toThrow(OutOfRange);
    }
  });

  it('are not made from tiles of the wrong length', async () => {
    for (const length of [0, 31, 4 * 32, 5 * 32 + 1, 257 * 32]) {
      const reader = new TreeReader(5, () => Buffer.alloc(length));
      await expect(reader.inclusionProof(0)).rejects.toThrow(MalformedTile);
    }
  });
});

describe('consistency proofs', () => {
  it('match RFC 6962 and verify, at every size up to 1,100', async () => {
    const entries = sampleEntries(MAX_SIZE);
    const naive = new NaiveTree(entries);
    const log = logOf(entries);
    const everySize = async (salt: number): Promise<void> => {
      for (let newSize = 1; newSize <= MAX_SIZE; newSize += 1) {
        const reader = new TreeReader(newSize, log.readTile);
        const newRoot = naive.root(0, newSize);
        for (const old of new Set([newSize, 1 + ((salt * 31) % newSize)])) {
          const proof = await reader.consistencyProof(old);
          const expected = naive.consistencyProof(old, newSize);
          expect(Buffer.concat(proof).equals(Buffer.concat(expected))).toBe(true);
          verifyConsistency({ oldSize: old, oldRoot: naive.root(0, old), newSize, newRoot, proof });
        }
      }
    };
    await fc.assert(fc.asyncProperty(fc.nat(), everySize), { numRuns: 1 });
  });

  it('are rejected after any bit of proof or roots is changed', async () => {
    const entries = sampleEntries(MAX_SIZE);
    const naive = new NaiveTree(entries);
    const log = logOf(entries);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: MAX_SIZE }),
        fc.nat(),
        fc.nat(),
        async (newSize, a, bit) => {
          const oldSize = 1 + (a % (newSize - 1));
          const proof = await new TreeReader(newSize, log.readTile).consistencyProof(oldSize);
          const oldRoot = naive.root(0, oldSize);
          const newRoot = naive.root(0, newSize);
          const claim = { oldSize, oldRoot, newSize, newRoot, proof };
          verifyConsistency(claim);
          const at = a % proof.length;
          for (const change of [
            { proof: proof.with(at, flipBit(proof[at] ?? oldRoot, bit)) },
            { proof: proof.slice(1) },
            { proof: [...proof, oldRoot] },
            { proof: proof.with(at, oldRoot.subarray(1)) },
            { oldRoot: flipBit(oldRoot, bit) },
            { newRoot: flipBit(newRoot, bit) },
            { oldRoot: newRoot },
            { oldSize: newSize },
            { oldSize: newSize + 1 },
            { newSize: oldSize },
            { oldSize: -1 },
            { oldSize: 0 },
          ]) {
            expect(() => {
              verifyConsistency({ ...claim, ...change });
            }).toThrow(ProofMismatch);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are empty from an empty tree and between equal sizes, where the roots must match', async () => {
    const log = logOf(sampleEntries(5));
    const newRoot = await new TreeReader(5, log.readTile).root();
    const proof = await new TreeReader(5, log.readTile).consistencyProof(0);
    expect(proof).toEqual([]);
    const emptyRoot = CT_ROOTS[0] ?? newRoot;
    verifyConsistency({ oldSize: 0, oldRoot: emptyRoot, newSize: 5, newRoot, proof });
    for (const claim of [
      { oldSize: 0, oldRoot: newRoot, newSize: 5, newRoot, proof },
      { oldSize: 0, oldRoot: newRoot, newSize: 0, newRoot, proof },
      { oldSize: 5, oldRoot: emptyRoot, newSize: 5, newRoot, proof },
      { oldSize: 5, oldRoot: newRoot, newSize: 5, newRoot, proof: [newRoot] },
      { oldSize: 0, oldRoot: emptyRoot, newSize: 5, newRoot, proof: [newRoot] },
    ]) {
      expect(() => {
        verifyConsistency(claim);
      }).toThrow(ProofMismatch);
    }
  });

  it('are not made from a larger tree to a smaller one', async () => {
    const log = logOf(sampleEntries(5));
    await expect(new TreeReader(5, log.readTile).consistencyProof(6)).rejects.toThrow(OutOfRange);
  });
});

describe('large trees', () => {
  it('match the roots and proofs of RFC 6962 at random sizes up to 140,000', async () => {
    const entries = sampleEntries(140_000);
    const naive = new NaiveTree(entries);
    const log = logOf(entries);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 3_001, max: 140_000 }), fc.nat(), async (size, a) => {
        const index = a % size;
        const reader = new TreeReader(size, log.readTile);
        const root = await reader.root();
        expect(root).toEqual(naive.root(0, size));
        expect((await reader.compactRange()).root()).toEqual(root);
        const proof = await reader.inclusionProof(index);
        expect(proof).toEqual(naive.inclusionProof(index, 0, size));
        verifyInclusion({ index, size, leafHash: naive.root(index, index + 1), proof, root });
        const oldSize = index + 1;
        const consistency = await reader.consistencyProof(oldSize);
        expect(consistency).toEqual(naive.consistencyProof(oldSize, size));
        const oldRoot = naive.root(0, oldSize);
        verifyConsistency({ oldSize, oldRoot, newSize: size, newRoot: root, proof: consistency });
      }),
      { numRuns: 40 },
    );
  });

  it('work up to 2^53 - 1 leaves', async () => {
    // All leaves are the same, so that each perfect subtree is known by its height alone.
    const perfect = [hashLeaf(Buffer.from('same'))];
    for (let height = 0; height < 53; height += 1) {
      const below = perfect[height] ?? Buffer.alloc(32);
      perfect.push(hashNode(below, below));
    }
    const rootOf = (size: number): Uint8Array => {
      const height = perfect.findIndex((_, at) => 2 ** (at + 1) > size);
      const left = perfect[height] ?? Buffer.alloc(32);
      return size === 2 ** height ? left : hashNode(left, rootOf(size - 2 ** height));
    };
    const readTile: TileReader = ({ level, width }) =>
      Buffer.concat(Array<Uint8Array>(width).fill(perfect[level * 8] ?? Buffer.alloc(0)));
    const leafHash = hashLeaf(Buffer.from('same'));
    await fc.assert(
      fc.asyncProperty(fc.maxSafeNat(), fc.maxSafeNat(), async (a, b) => {
        const size = Math.max(a, b, 2);
        const index = Math.min(a, b, size - 1);
        const reader = new TreeReader(size, readTile);
        const root = await reader.root();
        expect(root).toEqual(rootOf(size));
        verifyInclusion({ index, size, leafHash, proof: await reader.inclusionProof(index), root });
        const proof = await reader.consistencyProof(index + 1);
        const oldRoot = rootOf(index + 1);
        verifyConsistency({ oldSize: index + 1, oldRoot, newSize: size, newRoot: root, proof });
      }),
      {
        numRuns: 50,
        examples: [
          [Number.MAX_SAFE_INTEGER, 2 ** 52],
          [Number.MAX_SAFE_INTEGER, 0],
        ],
      },
    );
  });
});
