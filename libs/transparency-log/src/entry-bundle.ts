import { concatBytes, viewOf } from './bytes.js';
import { EntryTooLarge, MalformedEntryBundle, OutOfRange } from './errors.js';
import { MAX_ENTRY_BYTES } from './hashing.js';
import { TILE_WIDTH } from './tile.js';

const LENGTH_BYTES = 2;

/**
 * Encodes entries as a bundle: each entry is prefixed with its length, two bytes, big-endian (C2SP
 * tlog-tiles).
 *
 * @throws EntryTooLarge when an entry has more than 65,535 bytes.
 * @throws OutOfRange for no entry, or more than 256.
 */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 0 || entries.length > TILE_WIDTH) {
    throw new OutOfRange(`a bundle has 1 to ${TILE_WIDTH} entries`);
  }
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) {
      throw new EntryTooLarge(`an entry has at most ${MAX_ENTRY_BYTES} bytes`);
    }
    parts.push(Uint8Array.of(entry.length >> 8, entry.length), entry);
  }
  return concatBytes(parts);
}

/**
 * Decodes a bundle. The entries are views of its memory.
 *
 * @param width how many entries the bundle must have.
 * @throws MalformedEntryBundle when it has more or fewer entries, or ends inside one.
 */
export function decodeEntryBundle(bundle: Uint8Array, width: number): Uint8Array[] {
  const view = viewOf(bundle);
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < bundle.length && entries.length < width) {
    const start = offset + LENGTH_BYTES;
    const end = start > bundle.length ? Infinity : start + view.getUint16(offset);
    if (end > bundle.length) {
      throw new MalformedEntryBundle(`the bundle ends inside entry ${entries.length}`);
    }
    entries.push(bundle.subarray(start, end));
    offset = end;
  }
  if (offset !== bundle.length || entries.length !== width) {
    throw new MalformedEntryBundle(`the bundle does not have exactly ${width} entries`);
  }
  return entries;
}
