const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const CHUNK_BYTES = 256 * 1024;
const EPOCH_2000_MS = 946_684_800_000;
const TWO_TO_32 = 4_294_967_296;

/** Writes rows in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"). */
export class BinaryRowWriter {
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #length = 0;

  constructor() {
    this.#length = SIGNATURE.copy(this.#chunk);
  }

  /** Whether there is enough for a chunk of its own. */
  get isFull(): boolean {
    return this.#length > CHUNK_BYTES / 2;
  }

  /** Begins a row of so many columns, which must follow. */
  row(columns: number): void {
    this.#need(2);
    this.#length = this.#chunk.writeInt16BE(columns, this.#length);
  }

  /** A bigint that is a safe integer. */
  bigint(value: number): void {
    this.#need(12);
    const high = Math.floor(value / TWO_TO_32);
    let at = this.#chunk.writeInt32BE(8, this.#length);
    at = this.#chunk.writeInt32BE(high, at);
    this.#length = this.#chunk.writeUInt32BE(value - high * TWO_TO_32, at);
  }

  /** A timestamptz, of milliseconds since 1970. */
  time(unixMs: number): void {
    this.bigint((unixMs - EPOCH_2000_MS) * 1000);
  }

  /** `null` and `undefined` become NULL. */
  text(value: string | null | undefined): void {
    if (value === null || value === undefined) {
      this.#need(4);
      this.#length = this.#chunk.writeInt32BE(-1, this.#length);
      return;
    }
    this.#need(4 + 3 * value.length); // a UTF-16 code unit takes three bytes at most
    const written = this.#chunk.write(value, this.#length + 4);
    this.#chunk.writeInt32BE(written, this.#length);
    this.#length += 4 + written;
  }

  /** A bytea or a uuid. */
  bytes(value: Uint8Array): void {
    this.#need(4 + value.length);
    const at = this.#chunk.writeInt32BE(value.length, this.#length);
    this.#chunk.set(value, at);
    this.#length = at + value.length;
  }

  /** Ends the last row. */
  end(): void {
    this.row(-1);
  }

  /** What was written since the last time. */
  take(): Buffer {
    const taken = this.#chunk.subarray(0, this.#length);
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#length = 0;
    return taken;
  }

  #need(sizeBytes: number): void {
    if (this.#length + sizeBytes <= this.#chunk.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * this.#chunk.length + sizeBytes);
    this.#chunk.copy(larger, 0, 0, this.#length);
    this.#chunk = larger;
  }
}
