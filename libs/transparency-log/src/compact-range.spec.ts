import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleEntries } from '../test/memory-log.js';
import { NaiveTree } from '../test/naive-tree.js';
import { ctLeaves, ctRoots } from '../test/vectors.js';
import { CompactRange } from './compact-range.js';
import { MalformedCompactRange, MalformedHash } from './errors.js';
import { emptyRoot, hashLeaf, hashNode } from './hashing.js';

describe('hashing', () => {
  it('gives the leaf and node hashes of the certificate transparency tests', () => {
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = ctLeaves;
    expect(hashLeaf(first)).toEqual(ctRoots[1]);
    expect(hashNode(hashLeaf(first), hashLeaf(second))).toEqual(ctRoots[2]);
    expect(emptyRoot()).toEqual(ctRoots[0]);
  });

  it('hashes entries of every length as RFC 6962 says, also those too long for a bundle', () => {
    for (const length of [0, 1, 700, 65_535, 65_536, 100_000]) {
      const entry = Buffer.alloc(length, 0xa5);
      expect(hashLeaf(entry)).toEqual(new NaiveTree([entry]).root(0, 1));
    }
  });

  it('refuses to hash children that are not hashes', () => {
    expect(() => hashNode(Buffer.alloc(31), Buffer.alloc(32))).toThrow(MalformedHash);
    expect(() => hashNode(Buffer.alloc(32), Buffer.alloc(33))).toThrow(MalformedHash);
  });
});

describe('CompactRange', () => {
  it('gives the published roots of the certificate transparency leaves', () => {
    const range = new CompactRange();
    expect(range.root()).toEqual(ctRoots[0]);
    ctLeaves.forEach((leaf, index) => {
      range.append(hashLeaf(leaf));
      expect(range.root()).toEqual(ctRoots[index + 1]);
    });
  });

  it('gives the root of RFC 6962 at every size up to 3,000', () => {
    const entries = sampleEntries(3_000);
    const naive = new NaiveTree(entries);
    const range = new CompactRange();
    entries.forEach((entry, index) => {
      range.append(hashLeaf(entry));
      expect(range.root().equals(naive.root(0, index + 1))).toBe(true);
    });
  });

  it('goes on after being written and read at any size', () => {
    const entries = sampleEntries(600);
    const naive = new NaiveTree(entries);
    let range = new CompactRange();
    for (const entry of entries) {
      range = CompactRange.parse(range.toBytes());
      range.append(hashLeaf(entry));
    }
    expect(range.size).toBe(600);
    expect(range.root()).toEqual(naive.root(0, 600));
  });

  it('leaves the original as it was when a clone grows', () => {
    const range = new CompactRange();
    range.append(hashLeaf(Buffer.from('a')));
    const root = range.root();
    range.clone().append(hashLeaf(Buffer.from('b')));
    expect(range.size).toBe(1);
    expect(range.root()).toEqual(root);
  });

  it('refuses bytes that are not a range', () => {
    const range = new CompactRange();
    for (const entry of sampleEntries(7)) {
      range.append(hashLeaf(entry));
    }
    const bytes = range.toBytes();
    expect(() => CompactRange.parse(bytes.subarray(1))).toThrow(MalformedCompactRange);
    expect(() => CompactRange.parse(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(
      MalformedCompactRange,
    );
    expect(() => CompactRange.parse(Buffer.alloc(8, 0xff))).toThrow(MalformedCompactRange);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (hostile) => {
        try {
          expect(CompactRange.parse(hostile).toBytes()).toEqual(Buffer.from(hostile));
        } catch (refusal) {
          expect(refusal).toBeInstanceOf(MalformedCompactRange);
        }
      }),
    );
    expect(() => CompactRange.of(3, [bytes.subarray(8, 40)])).toThrow(MalformedCompactRange);
  });
});
