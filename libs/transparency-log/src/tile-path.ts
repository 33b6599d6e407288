import { parseDecimal } from './canonical-text.js';
import { MalformedTilePath } from './errors.js';
import { MAX_TILE_LEVEL, requireTileAddress, TILE_WIDTH, type TileAddress } from './tile.js';

/** What a path under the log's prefix addresses: a tile of hashes or a bundle of entries. */
export type TileResource =
  | ({ readonly kind: 'tile' } & TileAddress)
  | ({ readonly kind: 'entries' } & Omit<TileAddress, 'level'>);

const PATH_PATTERN =
  /^tile\/(?<level>entries|0|[1-9][0-9]?)\/(?<groups>(?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/(?<width>[1-9][0-9]{0,2}))?$/;

/**
 * The path of a tile under the log's prefix, without a leading slash: `tile/0/x001/x234/067.p/8`. A
 * full tile has no `.p` part.
 *
 * @throws OutOfRange for an address that no tree can have.
 */
export function tilePath(address: TileAddress): string {
  requireTileAddress(address);
  return `tile/${address.level}/${indexPath(address.index, address.width)}`;
}

/** The path of an entry bundle: `tile/entries/067.p/8`. As for `tilePath`. */
export function entriesPath({ index, width }: Omit<TileAddress, 'level'>): string {
  requireTileAddress({ level: 0, index, width });
  return `tile/entries/${indexPath(index, width)}`;
}

/**
 * Parses a path of `tilePath` or `entriesPath`.
 *
 * @throws MalformedTilePath for any other spelling: a resource has exactly one path.
 */
export function parseTilePath(path: string): TileResource {
  const { level, groups, width: widthText } = PATH_PATTERN.exec(path)?.groups ?? {};
  const index = Number(groups?.replaceAll(/[x/]/g, '') ?? NaN);
  const width = widthText === undefined ? TILE_WIDTH : Number(widthText);
  const isPartialTooWide = widthText !== undefined && width >= TILE_WIDTH;
  if (level === undefined || !Number.isSafeInteger(index) || isPartialTooWide) {
    throw new MalformedTilePath('the path does not address a tile');
  }
  if (indexGroups(index) !== groups) {
    throw new MalformedTilePath('the tile index has superfluous zeros');
  }
  if (level === 'entries') {
    return { kind: 'entries', index, width };
  }
  const levelNumber = parseDecimal(level);
  if (levelNumber === undefined || levelNumber > MAX_TILE_LEVEL) {
    throw new MalformedTilePath('the tile level is out of range');
  }
  return { kind: 'tile', level: levelNumber, index, width };
}

function indexPath(index: number, width: number): string {
  return indexGroups(index) + (width === TILE_WIDTH ? '' : `.p/${width}`);
}

/** 1234067 → `x001/x234/067`. */
function indexGroups(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  return padded.replaceAll(/[0-9]{3}(?=[0-9])/g, 'x$&/');
}
