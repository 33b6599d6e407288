// Encodes one-dimensional arrays in PostgreSQL's binary format (array_send in utils/adt/arrayfuncs.c).
// pg sends a Buffer unchanged, so thousands of values need neither quoting nor parsing. No statements.

const OIDS = {
  bytea: 17,
  bigint: 20,
  text: 25,
} as const;
const HEADER_BYTES = 20;

/** A `bytea[]`. */
export function bytesArray(values: readonly Uint8Array[]): Buffer {
  const size = values.reduce((sum, value) => sum + 4 + value.length, HEADER_BYTES);
  const array = header('bytea', values.length, size, false);
  let offset = HEADER_BYTES;
  for (const value of values) {
    array.writeInt32BE(value.length, offset);
    array.set(value, offset + 4);
    offset += 4 + value.length;
  }
  return array;
}

/** A `text[]`; `null` and `undefined` become NULL. */
export function textArray(values: readonly (string | null | undefined)[]): Buffer {
  let size = HEADER_BYTES + 4 * values.length;
  let hasNulls = false;
  for (const value of values) {
    if (value === null || value === undefined) hasNulls = true;
    else size += Buffer.byteLength(value);
  }
  const array = header('text', values.length, size, hasNulls);
  let offset = HEADER_BYTES;
  for (const value of values) {
    if (value === null || value === undefined) {
      array.writeInt32BE(-1, offset);
      offset += 4;
      continue;
    }
    const written = array.write(value, offset + 4);
    array.writeInt32BE(written, offset);
    offset += 4 + written;
  }
  return array;
}

/** A `bigint[]` of safe integers. */
export function bigintArray(values: readonly number[]): Buffer {
  const array = header('bigint', values.length, HEADER_BYTES + 12 * values.length, false);
  let offset = HEADER_BYTES;
  for (const value of values) {
    array.writeInt32BE(8, offset);
    array.writeBigInt64BE(BigInt(value), offset + 4);
    offset += 12;
  }
  return array;
}

function header(type: keyof typeof OIDS, count: number, size: number, hasNulls: boolean): Buffer {
  const array = Buffer.allocUnsafe(size);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(hasNulls ? 1 : 0, 4);
  array.writeInt32BE(OIDS[type], 8);
  array.writeInt32BE(count, 12);
  array.writeInt32BE(1, 16);
  return array;
}
