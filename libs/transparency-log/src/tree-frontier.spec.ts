import { describe, expect, it } from 'vitest';
import { MemoryLog, sampleEntries, NaiveTree } from './testing.js';
import { concatBytes } from './bytes.js';
import { MalformedTile } from './errors.js';
import { hashLeaf } from './hashing.js';
import { partialTilesOf, TILE_WIDTH, tileWidthAt, type Tile } from './tile.js';
import { TreeFrontier } from './tree-frontier.js';

describe('partial tiles', () => {
  it('match the examples of the specification for 70,000 and for 256 leaves', () => {
    expect(partialTilesOf(70_000)).toEqual([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
    expect(partialTilesOf(256)).toEqual([{ level: 1, index: 0, width: 1 }]);
    expect(partialTilesOf(0)).toEqual([]);
  });

  it('have the width that follows from the size of the tree', () => {
    expect(tileWidthAt(0, 272, 70_000)).toBe(256);
    expect(tileWidthAt(0, 273, 70_000)).toBe(112);
    expect(tileWidthAt(0, 274, 70_000)).toBe(0);
    expect(tileWidthAt(1, 1, 70_000)).toBe(17);
    expect(tileWidthAt(6, 0, Number.MAX_SAFE_INTEGER)).toBe(31);
    expect(tileWidthAt(7, 0, Number.MAX_SAFE_INTEGER)).toBe(0);
  });
});

describe('TreeFrontier', () => {
  const entries = sampleEntries(70_000);
  const naive = new NaiveTree(entries);

  function expectedHashes({ level, index, width }: Omit<Tile, 'hashes'>): Uint8Array {
    const leaves = TILE_WIDTH ** level;
    const first = index * TILE_WIDTH;
    return concatBytes(
      Array.from({ length: width }, (_, nth) =>
        naive.root((first + nth) * leaves, (first + nth + 1) * leaves),
      ),
    );
  }

  it('returns every tile once, when it is full, with the hashes of the specification', () => {
    let frontier = TreeFrontier.empty();
    const completed: Tile[] = [];
    let size = 0;
    for (let batch = 1; size < entries.length; batch = (batch * 7) % 997) {
      const appended = frontier.append(entries.slice(size, size + batch).map(hashLeaf));
      completed.push(...appended.completedTiles);
      frontier = appended.frontier;
      size = Math.min(size + batch, entries.length);
      expect(frontier.size).toBe(size);
    }
    expect(completed).toHaveLength(273 + 1);
    expect(new Set(completed.map(({ level, index }) => `${level}/${index}`)).size).toBe(274);
    for (const tile of [...completed, ...frontier.partialTiles]) {
      expect(Buffer.compare(tile.hashes, expectedHashes(tile))).toBe(0);
    }
    expect(
      frontier.partialTiles.map(({ level, index, width }) => ({ level, index, width })),
    ).toEqual(partialTilesOf(70_000));
    expect(frontier.root()).toEqual(naive.root(0, 70_000));
  });

  it('continues from its stored tiles at every size up to 600', () => {
    let frontier = TreeFrontier.empty();
    for (const [index, entry] of entries.slice(0, 600).entries()) {
      frontier = TreeFrontier.fromTiles(index, frontier.partialTiles).append([
        hashLeaf(entry),
      ]).frontier;
      expect(Buffer.compare(frontier.root(), naive.root(0, index + 1))).toBe(0);
    }
    expect(frontier.compactRange().root()).toEqual(naive.root(0, 600));
  });

  it('leaves the old frontier unchanged by an append that is discarded', () => {
    const { frontier } = TreeFrontier.empty().append(entries.slice(0, 250).map(hashLeaf));
    frontier.append(entries.slice(300, 320).map(hashLeaf));
    const again = frontier.append(entries.slice(250, 260).map(hashLeaf));
    expect(again.frontier.root()).toEqual(naive.root(0, 260));
    expect(again.completedTiles[0]?.hashes).toEqual(
      expectedHashes({ level: 0, index: 0, width: 256 }),
    );
  });

  it('has another root after any stored tile is changed', () => {
    const log = new MemoryLog();
    log.append(entries.slice(0, 300));
    const { partialTiles } = log.frontier;
    for (const [at, tile] of partialTiles.entries()) {
      for (let byte = 0; byte < tile.hashes.length; byte += 13) {
        const hashes = Buffer.from(tile.hashes);
        hashes[byte] = (hashes[byte] ?? 0) ^ 0x10;
        const changed = partialTiles.with(at, { ...tile, hashes });
        expect(TreeFrontier.fromTiles(300, changed).root()).not.toEqual(log.frontier.root());
      }
    }
  });

  it('rejects tiles that do not match the size', () => {
    const { frontier } = TreeFrontier.empty().append(entries.slice(0, 300).map(hashLeaf));
    const [leaves, nodes] = frontier.partialTiles;
    if (leaves === undefined || nodes === undefined) {
      throw new Error('a tree of 300 leaves has two partial tiles');
    }
    const cut = { ...leaves, hashes: leaves.hashes.subarray(1) };
    const elsewhere = { ...leaves, index: 2 };
    for (const tiles of [[], [leaves], [cut, nodes], [elsewhere, nodes], [leaves, nodes, nodes]]) {
      expect(() => TreeFrontier.fromTiles(300, tiles)).toThrow(MalformedTile);
    }
    expect(() => TreeFrontier.fromTiles(301, [leaves, nodes])).toThrow(MalformedTile);
  });
});
