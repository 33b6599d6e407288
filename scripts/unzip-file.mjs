import { readFileSync, writeFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DEFLATED = 8;

/**
 * Extracts one file of a ZIP archive as a program, by its central directory (APPNOTE 4.3; no ZIP64).
 *
 * @throws if the archive has no such file
 */
export function unzipFile(archive, name, target) {
  const bytes = readFileSync(archive);
  let end = bytes.length - 22;
  while (bytes.readUInt32LE(end) !== END_OF_DIRECTORY) end -= 1;
  let place = bytes.readUInt32LE(end + 16);
  for (let n = bytes.readUInt16LE(end + 10); n > 0; n -= 1) {
    const nameLength = bytes.readUInt16LE(place + 28);
    if (bytes.toString('utf8', place + 46, place + 46 + nameLength) === name) {
      const local = bytes.readUInt32LE(place + 42);
      const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      const data = bytes.subarray(start, start + bytes.readUInt32LE(place + 20));
      const isDeflated = bytes.readUInt16LE(place + 10) === DEFLATED;
      writeFileSync(target, isDeflated ? inflateRawSync(data) : data, { mode: 0o755 });
      return;
    }
    place += 46 + nameLength + bytes.readUInt16LE(place + 30) + bytes.readUInt16LE(place + 32);
  }
  throw new Error(`${archive} has no ${name}`);
}
