import { MalformedTile, OutOfRange } from './errors.js';
import { hashBytes } from './hashing.js';
import { requireInteger } from './numbers.js';

/** How many hashes a full tile has, and how many entries a full bundle has. */
export const tileWidth = 256;

/** C2SP tlog-tiles allows levels up to 63; sizes up to 2^53 - 1 never need more than level 6. */
export const maxTileLevel = 63;

/** Which tile is meant, and how much of it: `width` is 256 for a full one. */
export interface TileAddress {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** A tile and its hashes, one after the other: `width` × 32 bytes. */
export interface Tile extends TileAddress {
  readonly hashes: Buffer;
}

/**
 * Fetches the hashes of a tile. It may answer a partial tile with a longer version of the same tile,
 * since servers may drop partial tiles once the full one exists (C2SP tlog-tiles).
 */
export type TileReader = (address: TileAddress) => Promise<Uint8Array> | Uint8Array;

/** How many hashes the tile has in a tree of `size` leaves: 0 when the tree does not reach it. */
export function tileWidthAt(level: number, index: number, size: number): number {
  const hashesOnLevel = Math.floor(size / tileWidth ** level);
  return Math.max(0, Math.min(tileWidth, hashesOnLevel - index * tileWidth));
}

/**
 * The tiles that a tree of `size` leaves has not filled, lowest level first. Empty ones are left
 * out: they don't exist.
 */
export function partialTilesOf(size: number): TileAddress[] {
  requireInteger(size, 0, 'a size');
  const partial: TileAddress[] = [];
  for (let level = 0, onLevel = size; onLevel > 0; level += 1) {
    const width = onLevel % tileWidth;
    onLevel = Math.floor(onLevel / tileWidth);
    if (width > 0) {
      partial.push({ level, index: onLevel, width });
    }
  }
  return partial;
}

/** @throws OutOfRange unless the address names a tile that some tree could have. */
export function requireTileAddress({ level, index, width }: TileAddress): void {
  requireInteger(level, 0, 'a tile level');
  requireInteger(index, 0, 'a tile index');
  requireInteger(width, 1, 'a tile width');
  if (level > maxTileLevel || width > tileWidth) {
    throw new OutOfRange('no tile has that level or width');
  }
}

/**
 * Reads a tile and cuts it to the width asked for.
 *
 * @throws MalformedTile when fewer hashes came, more than a tile can have, or a part of one.
 */
export async function readTileHashes(read: TileReader, address: TileAddress): Promise<Buffer> {
  const bytes = await read(address);
  const wanted = address.width * hashBytes;
  if (
    bytes.length < wanted ||
    bytes.length > tileWidth * hashBytes ||
    bytes.length % hashBytes !== 0
  ) {
    throw new MalformedTile(
      `tile ${address.index} of level ${address.level} has ${bytes.length} bytes, not ${wanted}`,
    );
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, wanted);
}
