import { TreeFrontier } from '../tree-frontier.js';
import { hashLeaf } from '../hashing.js';
import type { TileReader } from '../tile.js';

/** A log in memory with its entries and the widest version of every tile. */
export class MemoryLog {
  readonly entries: Buffer[] = [];
  readonly tiles = new Map<string, Buffer>();
  frontier = TreeFrontier.empty();

  append(entries: readonly Uint8Array[]): void {
    const { frontier, completedTiles } = this.frontier.append(entries.map(hashLeaf));
    this.frontier = frontier;
    for (const { level, index, hashes } of [...completedTiles, ...frontier.partialTiles]) {
      this.tiles.set(`${level}/${index}`, Buffer.from(hashes));
    }
    for (const entry of entries) {
      this.entries.push(Buffer.from(entry));
    }
  }

  /** Serves the tiles of the current size and of every smaller one. */
  readonly readTile: TileReader = ({ level, index, width }) => {
    const tile = this.tiles.get(`${level}/${index}`);
    return tile?.subarray(0, width * 32) ?? new Uint8Array();
  };
}

/** Distinct entries of 0 to 40 bytes. */
export function sampleEntries(count: number, from = 0): Buffer[] {
  return Array.from({ length: count }, (_, nth) => {
    const index = from + nth;
    return index === 0 ? Buffer.alloc(0) : Buffer.from(`${index}:${'x'.repeat(index % 33)}`);
  });
}
