// Encodes the rows of `append-statements`. No statements.
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** A commit of a few entries fits into one buffer of this size; larger ones let it grow. */
const INITIAL_BYTES = 8 * 1024;
const FULL_BYTES = 128 * 1024;
const NO_BYTES = Buffer.alloc(0);
const EPOCH_2000_MS = 946_684_800_000;
const TWO_TO_32 = 4_294_967_296;

/** Encodes rows for COPY in its binary format (PostgreSQL documentation of COPY, "Binary Format"). */
export class BinaryRowWriter {
  #chunk = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #length = 0;

  constructor() {
    this.#length = SIGNATURE.copy(this.#chunk);
  }

  /** Whether `take` should be called before the next row. */
  get isFull(): boolean {
    return this.#length > FULL_BYTES;
  }

  /** Begins a row, whose columns must follow. */
  row(columnCount: number): void {
    this.#reserve(2);
    this.#length = this.#chunk.writeInt16BE(columnCount, this.#length);
  }

  /** A bigint that is a safe integer. */
  bigint(value: number): void {
    this.#reserve(12);
    const high = Math.floor(value / TWO_TO_32);
    let at = this.#chunk.writeInt32BE(8, this.#length);
    at = this.#chunk.writeInt32BE(high, at);
    this.#length = this.#chunk.writeUInt32BE(value - high * TWO_TO_32, at);
  }

  /** A timestamptz, from milliseconds since 1970. */
  time(unixMs: number): void {
    this.bigint((unixMs - EPOCH_2000_MS) * 1000);
  }

  /** A text; `null` and `undefined` become NULL. */
  text(value: string | null | undefined): void {
    if (value === null || value === undefined) {
      this.#reserve(4);
      this.#length = this.#chunk.writeInt32BE(-1, this.#length);
      return;
    }
    this.#reserve(4 + 3 * value.length); // a UTF-16 code unit takes three bytes at most
    const written = this.#chunk.write(value, this.#length + 4);
    this.#chunk.writeInt32BE(written, this.#length);
    this.#length += 4 + written;
  }

  /** A bytea or a uuid. */
  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    const at = this.#chunk.writeInt32BE(value.length, this.#length);
    this.#chunk.set(value, at);
    this.#length = at + value.length;
  }

  /** Ends the data. */
  end(): void {
    this.row(-1);
  }

  /** The bytes since the last call. */
  take(): Buffer {
    const taken = this.#chunk.subarray(0, this.#length);
    this.#chunk = NO_BYTES; // the next row allocates: after the last one there is none
    this.#length = 0;
    return taken;
  }

  #reserve(sizeBytes: number): void {
    if (this.#length + sizeBytes <= this.#chunk.length) return;
    const larger = Buffer.allocUnsafeSlow(
      Math.max(INITIAL_BYTES, 2 * this.#chunk.length + sizeBytes),
    );
    this.#chunk.copy(larger, 0, 0, this.#length);
    this.#chunk = larger;
  }
}
