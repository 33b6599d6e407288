import { TreeEdge } from '../src/tree-edge.js';
import { hashLeaf } from '../src/hashing.js';
import type { TileReader } from '../src/tile.js';

/** A log in memory that keeps its entries and the longest version of every tile. */
export class MemoryLog {
  readonly entries: Buffer[] = [];
  readonly tiles = new Map<string, Buffer>();
  edge = TreeEdge.empty();

  append(entries: readonly Uint8Array[]): void {
    const { edge, completedTiles } = this.edge.append(entries.map(hashLeaf));
    this.edge = edge;
    for (const { level, index, hashes } of [...completedTiles, ...edge.partialTiles]) {
      this.tiles.set(`${level}/${index}`, Buffer.from(hashes));
    }
    for (const entry of entries) {
      this.entries.push(Buffer.from(entry));
    }
  }

  /** Serves the tiles of the present size and of every smaller one. */
  readonly readTile: TileReader = ({ level, index, width }) => {
    const tile = this.tiles.get(`${level}/${index}`);
    return tile?.subarray(0, width * 32) ?? new Uint8Array();
  };
}

/** Entries that all differ, of 0 to 40 bytes. */
export function sampleEntries(count: number, from = 0): Buffer[] {
  return Array.from({ length: count }, (_, nth) => {
    const index = from + nth;
    return index === 0 ? Buffer.alloc(0) : Buffer.from(`${index}:${'x'.repeat(index % 33)}`);
  });
}
