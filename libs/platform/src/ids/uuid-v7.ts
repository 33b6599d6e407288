import { randomFillSync } from 'node:crypto';

/** The end of the year 9999: PostgreSQL reads no later time in the form of RFC 3339. */
const END_MS = 253_402_300_800_000;
const MAX_COUNTER = 0x0fff;

/** One call to the system's generator serves 400 ids. */
const pool = Buffer.alloc(4000);
let used = pool.length;

/**
 * The 16 bytes of a new UUIDv7 (RFC 9562 section 5.7) with exactly this time; the rest is random.
 *
 * @param unixMs milliseconds since 1970
 */
export function uuidV7Bytes(unixMs: number): Buffer {
  if (used === pool.length) {
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

/** The text of a new UUIDv7 with exactly this time. */
export function uuidV7(unixMs: number): string {
  return uuidText(uuidV7Bytes(unixMs));
}

/**
 * Makes UUIDv7 texts of which each is greater than the ones before (RFC 9562 section 6.2, method 1).
 * The time in an id is later than `nowMs` when the clock went back, or when more than 2048 ids are made
 * within a millisecond.
 */
export function ascendingUuidsV7(): (nowMs: number) => string {
  let lastMs = 0;
  let counter = 0;
  return (nowMs) => {
    counter += 1;
    if (nowMs <= lastMs && counter > MAX_COUNTER) lastMs += 1;
    const isNewTime = nowMs > lastMs || counter > MAX_COUNTER;
    lastMs = Math.max(nowMs, lastMs);
    const bytes = uuidV7Bytes(lastMs);
    // The highest bit of a first counter is 0, which leaves room for 2048 ids at least.
    if (isNewTime) counter = bytes.readUInt16BE(6) & (MAX_COUNTER >> 1);
    bytes.writeUInt16BE(0x7000 | counter, 6);
    return uuidText(bytes);
  };
}

/** The text of a new UUIDv7 that is greater than every earlier one of this function in this process. */
export const ascendingUuidV7 = ascendingUuidsV7();

/** The text of a UUID's 16 bytes, in lower case. */
export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The time in a UUIDv7, in milliseconds since 1970; `undefined` for any other text. */
export function uuidV7Time(id: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) {
    return undefined;
  }
  const timeMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return timeMs < END_MS ? timeMs : undefined;
}
