import type { AuditFaults } from './audit-fault.js';
import type { StoredEntry } from './stored-rows.js';

/** How far from its place a row is looked for before it counts as missing. */
const MAX_ROWS_AHEAD = 5000;

/**
 * Puts stored entries into the order of their indexes. They come by time, which is the same unless
 * somebody changed a row; such a row is set aside until its index is asked for.
 */
export class EntrySequence {
  readonly #ahead = new Map<number, StoredEntry>();
  #isAtEnd = false;
  #next: number;

  constructor(
    private readonly rows: AsyncGenerator<StoredEntry, undefined>,
    private readonly faults: AuditFaults,
    startIndex: number,
  ) {
    this.#next = startIndex;
  }

  /** The entry with an index, which must go up; `undefined` when there is none. */
  async take(index: number): Promise<StoredEntry | undefined> {
    this.#next = index;
    while (!this.#ahead.has(index) && !this.#isAtEnd && this.#ahead.size < MAX_ROWS_AHEAD) {
      await this.#read();
    }
    const found = this.#ahead.get(index);
    this.#ahead.delete(index);
    return found;
  }

  /** Reads what is left: everything in it lies beyond the log. */
  async finish(endIndex: number): Promise<void> {
    this.#next = endIndex;
    do {
      for (const { index } of this.#ahead.values()) {
        this.faults.add('entry-added', index, 'the log does not have so many entries');
      }
      this.#ahead.clear();
      if (!this.#isAtEnd) await this.#read();
    } while (this.#ahead.size > 0 || !this.#isAtEnd);
  }

  async #read(): Promise<void> {
    const read = await this.rows.next();
    if (read.done === true) {
      this.#isAtEnd = true;
      return;
    }
    const { value } = read;
    if (value.index < this.#next || this.#ahead.has(value.index)) {
      this.faults.add('entry-added', value.index, 'there are two rows, or one that was retired');
      return;
    }
    this.#ahead.set(value.index, value);
  }
}
