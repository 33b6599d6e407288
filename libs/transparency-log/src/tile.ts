import { MalformedTile, OutOfRange } from './errors.js';
import { HASH_BYTES } from './hashing.js';
import { requireInteger } from './numbers.js';

/** Number of hashes of a full tile, and of entries of a full bundle. */
export const TILE_WIDTH = 256;

/** The limit of C2SP tlog-tiles. A tree of 2^53 - 1 leaves has levels 0 to 6. */
export const MAX_TILE_LEVEL = 63;

/** The address of a tile. `width` is its number of hashes: 256 for a full tile. */
export interface TileAddress {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** A tile with its concatenated hashes: `width` × 32 bytes. */
export interface Tile extends TileAddress {
  readonly hashes: Uint8Array;
}

/**
 * Fetches the hashes of a tile. For a partial tile it may return a wider version of the same tile:
 * servers may delete partial tiles once the full one exists (C2SP tlog-tiles).
 */
export type TileReader = (address: TileAddress) => Promise<Uint8Array> | Uint8Array;

/** Number of hashes of the tile in a tree of `size` leaves; 0 when the tree has no such tile. */
export function tileWidthAt(level: number, index: number, size: number): number {
  const hashesOnLevel = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashesOnLevel - index * TILE_WIDTH));
}

/**
 * The partial tiles of a tree of `size` leaves, lowest level first. Empty tiles do not exist and are
 * left out.
 */
export function partialTilesOf(size: number): TileAddress[] {
  requireInteger(size, 0, 'a size');
  const partial: TileAddress[] = [];
  for (let level = 0, onLevel = size; onLevel > 0; level += 1) {
    const width = onLevel % TILE_WIDTH;
    onLevel = Math.floor(onLevel / TILE_WIDTH);
    if (width > 0) {
      partial.push({ level, index: onLevel, width });
    }
  }
  return partial;
}

/** @throws OutOfRange for an address that no tree can have. */
export function requireTileAddress({ level, index, width }: TileAddress): void {
  requireInteger(level, 0, 'a tile level');
  requireInteger(index, 0, 'a tile index');
  requireInteger(width, 1, 'a tile width');
  if (level > MAX_TILE_LEVEL || width > TILE_WIDTH) {
    throw new OutOfRange('no tile has that level or width');
  }
}

/**
 * Reads a tile and truncates it to the requested width.
 *
 * @throws MalformedTile for too few hashes, more than 256, or an incomplete hash.
 */
export async function readTileHashes(read: TileReader, address: TileAddress): Promise<Uint8Array> {
  const bytes = await read(address);
  const wanted = address.width * HASH_BYTES;
  if (
    bytes.length < wanted ||
    bytes.length > TILE_WIDTH * HASH_BYTES ||
    bytes.length % HASH_BYTES !== 0
  ) {
    throw new MalformedTile(
      `tile ${address.index} of level ${address.level} has ${bytes.length} bytes, not ${wanted}`,
    );
  }
  return bytes.subarray(0, wanted);
}
