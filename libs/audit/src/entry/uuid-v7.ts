import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(4096);
let used = pool.length;

/**
 * A UUID of version 7 (RFC 9562 section 5.7): 48 bits of time, the rest random.
 *
 * @param unixMs milliseconds since 1970
 */
export function uuidV7(unixMs: number): string {
  return uuidText(uuidV7Bytes(unixMs));
}

/** The 16 bytes of a new UUID of version 7. */
export function uuidV7Bytes(unixMs: number): Buffer {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(unixMs, 0, 6);
  pool.copy(bytes, 6, used, used + 10);
  used += 10;
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes;
}

/** The usual spelling of a UUID's 16 bytes. */
export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The end of the year 9999: PostgreSQL does not read what follows in RFC 3339. */
const endMs = 253_402_300_800_000;

/** The time in a UUID of version 7, in milliseconds since 1970; `undefined` when it is no such UUID. */
export function uuidV7Time(id: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) {
    return undefined;
  }
  const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return time < endMs ? time : undefined;
}
