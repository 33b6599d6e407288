import { describe, expect, it } from 'vitest';
import { MemoryLog, sampleEntries } from '../test/memory-log.js';
import { NaiveTree } from '../test/naive-tree.js';
import { MalformedTile } from './errors.js';
import { hashLeaf } from './hashing.js';
import { partialTilesOf, tileWidth, tileWidthAt, type Tile } from './tile.js';
import { TreeEdge } from './tree-edge.js';

describe('partial tiles', () => {
  it('are those that the specification names for 70,000 and for 256 leaves', () => {
    expect(partialTilesOf(70_000)).toEqual([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
    expect(partialTilesOf(256)).toEqual([{ level: 1, index: 0, width: 1 }]);
    expect(partialTilesOf(0)).toEqual([]);
  });

  it('have the width that a tree of any size gives them', () => {
    expect(tileWidthAt(0, 272, 70_000)).toBe(256);
    expect(tileWidthAt(0, 273, 70_000)).toBe(112);
    expect(tileWidthAt(0, 274, 70_000)).toBe(0);
    expect(tileWidthAt(1, 1, 70_000)).toBe(17);
    expect(tileWidthAt(6, 0, Number.MAX_SAFE_INTEGER)).toBe(31);
    expect(tileWidthAt(7, 0, Number.MAX_SAFE_INTEGER)).toBe(0);
  });
});

describe('TreeEdge', () => {
  const entries = sampleEntries(70_000);
  const naive = new NaiveTree(entries);

  function expectedHashes({ level, index, width }: Omit<Tile, 'hashes'>): Buffer {
    const leaves = tileWidth ** level;
    const first = index * tileWidth;
    return Buffer.concat(
      Array.from({ length: width }, (_, nth) =>
        naive.root((first + nth) * leaves, (first + nth + 1) * leaves),
      ),
    );
  }

  it('reports every tile once, when it is full, with the hashes of the specification', () => {
    let edge = TreeEdge.empty();
    const completed: Tile[] = [];
    let size = 0;
    for (let batch = 1; size < entries.length; batch = (batch * 7) % 997) {
      const appended = edge.append(entries.slice(size, size + batch).map(hashLeaf));
      completed.push(...appended.completedTiles);
      edge = appended.edge;
      size = Math.min(size + batch, entries.length);
      expect(edge.size).toBe(size);
    }
    expect(completed).toHaveLength(273 + 1);
    expect(new Set(completed.map(({ level, index }) => `${level}/${index}`)).size).toBe(274);
    for (const tile of [...completed, ...edge.partialTiles]) {
      expect(tile.hashes.equals(expectedHashes(tile))).toBe(true);
    }
    expect(edge.partialTiles.map(({ level, index, width }) => ({ level, index, width }))).toEqual(
      partialTilesOf(70_000),
    );
    expect(edge.root()).toEqual(naive.root(0, 70_000));
  });

  it('goes on from its stored tiles at every size up to 600', () => {
    let edge = TreeEdge.empty();
    for (const [index, entry] of entries.slice(0, 600).entries()) {
      edge = TreeEdge.fromTiles(index, edge.partialTiles).append([hashLeaf(entry)]).edge;
      expect(edge.root().equals(naive.root(0, index + 1))).toBe(true);
    }
    expect(edge.compactRange().root()).toEqual(naive.root(0, 600));
  });

  it('keeps the old edge whole when an append is thrown away', () => {
    const { edge } = TreeEdge.empty().append(entries.slice(0, 250).map(hashLeaf));
    edge.append(entries.slice(300, 320).map(hashLeaf));
    const again = edge.append(entries.slice(250, 260).map(hashLeaf));
    expect(again.edge.root()).toEqual(naive.root(0, 260));
    expect(again.completedTiles[0]?.hashes).toEqual(
      expectedHashes({ level: 0, index: 0, width: 256 }),
    );
  });

  it('shows any changed bit of its stored tiles in the root', () => {
    const log = new MemoryLog();
    log.append(entries.slice(0, 300));
    const { partialTiles } = log.edge;
    for (const [at, tile] of partialTiles.entries()) {
      for (let byte = 0; byte < tile.hashes.length; byte += 13) {
        const hashes = Buffer.from(tile.hashes);
        hashes[byte] = (hashes[byte] ?? 0) ^ 0x10;
        const changed = partialTiles.with(at, { ...tile, hashes });
        expect(TreeEdge.fromTiles(300, changed).root()).not.toEqual(log.edge.root());
      }
    }
  });

  it('refuses tiles that are not those of the size', () => {
    const { edge } = TreeEdge.empty().append(entries.slice(0, 300).map(hashLeaf));
    const [leaves, nodes] = edge.partialTiles;
    if (leaves === undefined || nodes === undefined) {
      throw new Error('a tree of 300 leaves has two partial tiles');
    }
    const cut = { ...leaves, hashes: leaves.hashes.subarray(1) };
    const elsewhere = { ...leaves, index: 2 };
    for (const tiles of [[], [leaves], [cut, nodes], [elsewhere, nodes], [leaves, nodes, nodes]]) {
      expect(() => TreeEdge.fromTiles(300, tiles)).toThrow(MalformedTile);
    }
    expect(() => TreeEdge.fromTiles(301, [leaves, nodes])).toThrow(MalformedTile);
  });
});
