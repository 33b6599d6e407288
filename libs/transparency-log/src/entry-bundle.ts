import { EntryTooLarge, MalformedEntryBundle, OutOfRange } from './errors.js';
import { maxEntryBytes } from './hashing.js';
import { tileWidth } from './tile.js';

const lengthBytes = 2;

/**
 * Joins entries into a bundle: before each its length as two bytes, big-endian (C2SP tlog-tiles).
 *
 * @throws EntryTooLarge when an entry has more than 65,535 bytes.
 * @throws OutOfRange when there are none, or more than 256.
 */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Buffer {
  if (entries.length === 0 || entries.length > tileWidth) {
    throw new OutOfRange(`a bundle has 1 to ${tileWidth} entries`);
  }
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.length > maxEntryBytes) {
      throw new EntryTooLarge(`an entry has at most ${maxEntryBytes} bytes`);
    }
    const length = Buffer.allocUnsafe(lengthBytes);
    length.writeUInt16BE(entry.length);
    parts.push(length, entry);
  }
  return Buffer.concat(parts);
}

/**
 * Takes a bundle apart. The entries share its memory.
 *
 * @param width how many entries the bundle must have.
 * @throws MalformedEntryBundle when it has more or fewer, or ends within one.
 */
export function decodeEntryBundle(bundle: Uint8Array, width: number): Buffer[] {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Buffer[] = [];
  let offset = 0;
  while (offset < bytes.length && entries.length < width) {
    const start = offset + lengthBytes;
    const end = start > bytes.length ? Infinity : start + bytes.readUInt16BE(offset);
    if (end > bytes.length) {
      throw new MalformedEntryBundle(`the bundle ends within its entry ${entries.length}`);
    }
    entries.push(bytes.subarray(start, end));
    offset = end;
  }
  if (offset !== bytes.length || entries.length !== width) {
    throw new MalformedEntryBundle(`the bundle does not have exactly ${width} entries`);
  }
  return entries;
}
