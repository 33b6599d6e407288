import { describe, expect, it } from 'vitest';
import { sampleEntries, NaiveTree, CT_LEAVES, CT_ROOTS } from './testing.js';
import { CompactRange } from './compact-range.js';
import { MalformedCompactRange, MalformedHash, OutOfRange } from './errors.js';
import { hashLeaf, hashNode } from './hashing.js';

describe('hashing', () => {
  it('hashes entries of every length as RFC 6962 specifies, including those too long for a bundle', () => {
    for (const length of [0, 1, 700, 65_535, 65_536, 100_000]) {
      const entry = Buffer.alloc(length, 0xa5);
      expect(hashLeaf(entry)).toEqual(new NaiveTree([entry]).root(0, 1));
    }
  });

  it('rejects children that are not hashes', () => {
    expect(() => hashNode(Buffer.alloc(31), Buffer.alloc(32))).toThrow(MalformedHash);
    expect(() => hashNode(Buffer.alloc(32), Buffer.alloc(33))).toThrow(MalformedHash);
  });
});

describe('CompactRange', () => {
  it('gives the root of RFC 6962 at every size up to 3,000', () => {
    const entries = sampleEntries(3_000);
    const naive = new NaiveTree(entries);
    const range = new CompactRange();
    entries.forEach((entry, index) => {
      range.append(hashLeaf(entry));
      expect(Buffer.compare(range.root(), naive.root(0, index + 1))).toBe(0);
    });
  });

  it('does not change when a clone grows', () => {
    const range = new CompactRange();
    range.append(hashLeaf(Buffer.from('a')));
    const root = range.root();
    range.clone().append(hashLeaf(Buffer.from('b')));
    expect(range.size).toBe(1);
    expect(range.root()).toEqual(root);
  });

  it('is restored from its subtree roots', () => {
    const [one, two, three] = CT_LEAVES.slice(0, 3).map(hashLeaf);
    const pair = CT_ROOTS[2];
    if (!one || !two || !three || !pair) throw new Error('the vectors have three leaves');
    const range = CompactRange.of(3, [pair, three]);
    expect(range.root()).toEqual(CT_ROOTS[3]);
    range.append(hashLeaf(CT_LEAVES[3] ?? one));
    expect(range.root()).toEqual(CT_ROOTS[4]);
    expect(() => CompactRange.of(3, [pair])).toThrow(MalformedCompactRange);
    expect(() => CompactRange.of(2, [one, two])).toThrow(MalformedCompactRange);
    expect(() => CompactRange.of(1, [one.subarray(1)])).toThrow(MalformedHash);
    expect(() => CompactRange.of(1.5, [one])).toThrow(OutOfRange);
  });
});
