import { parseDecimal } from './canonical-text.js';
import { MalformedTilePath } from './errors.js';
import { maxTileLevel, requireTileAddress, tileWidth, type TileAddress } from './tile.js';

/** What a path under the log's prefix names: a tile of hashes or a bundle of entries. */
export type TileResource =
  | ({ readonly kind: 'tile' } & TileAddress)
  | ({ readonly kind: 'entries' } & Omit<TileAddress, 'level'>);

const pathPattern =
  /^tile\/(?<level>entries|0|[1-9][0-9]?)\/(?<groups>(?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/(?<width>[1-9][0-9]{0,2}))?$/;

/**
 * The path under the log's prefix, without a leading slash: `tile/0/x001/x234/067.p/8`. A full tile
 * has no `.p` part.
 */
export function tilePath(address: TileAddress): string {
  requireTileAddress(address);
  return `tile/${address.level}/${indexPath(address.index, address.width)}`;
}

/** The path of an entry bundle, as `tilePath` gives that of a tile: `tile/entries/067.p/8`. */
export function entriesPath({ index, width }: Omit<TileAddress, 'level'>): string {
  requireTileAddress({ level: 0, index, width });
  return `tile/entries/${indexPath(index, width)}`;
}

/**
 * Reads a path that `tilePath` or `entriesPath` wrote.
 *
 * @throws MalformedTilePath for every other spelling, so that a resource has exactly one address.
 */
export function parseTilePath(path: string): TileResource {
  const { level, groups, width: widthText } = pathPattern.exec(path)?.groups ?? {};
  const index = Number(groups?.replaceAll(/[x/]/g, '') ?? NaN);
  const width = widthText === undefined ? tileWidth : Number(widthText);
  const isPartialTooWide = widthText !== undefined && width >= tileWidth;
  if (level === undefined || !Number.isSafeInteger(index) || isPartialTooWide) {
    throw new MalformedTilePath('the path names no tile');
  }
  if (indexGroups(index) !== groups) {
    throw new MalformedTilePath('the tile index has needless zeros');
  }
  if (level === 'entries') {
    return { kind: 'entries', index, width };
  }
  const levelNumber = parseDecimal(level);
  if (levelNumber === undefined || levelNumber > maxTileLevel) {
    throw new MalformedTilePath('there is no such tile level');
  }
  return { kind: 'tile', level: levelNumber, index, width };
}

function indexPath(index: number, width: number): string {
  return indexGroups(index) + (width === tileWidth ? '' : `.p/${width}`);
}

/** 1234067 → `x001/x234/067`. */
function indexGroups(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  return padded.replaceAll(/[0-9]{3}(?=[0-9])/g, 'x$&/');
}
