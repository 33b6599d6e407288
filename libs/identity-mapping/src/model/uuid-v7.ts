import { randomBytes } from 'node:crypto';

let lastMs = 0;
let counter = 0;

/**
 * A UUID of version 7 (RFC 9562 sections 5.7 and 6.2, method 1): ids of one process ascend, also
 * within a millisecond, so that what was stored in one go is listed in its order.
 */
export function uuidV7(unixMs: number): string {
  const bytes = randomBytes(16);
  counter = unixMs > lastMs ? bytes.readUInt16BE(6) & 0x07ff : counter + 1;
  lastMs = Math.max(unixMs, lastMs);
  if (counter > 0x0fff) {
    lastMs += 1;
    counter = 0;
  }
  bytes.writeUIntBE(lastMs, 0, 6);
  bytes.writeUInt16BE(0x7000 | counter, 6);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
