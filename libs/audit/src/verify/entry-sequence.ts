import type { AuditFaults } from './audit-fault.js';
import type { StoredEntry } from './stored-rows.js';

/** Rows that are read ahead for an index before it counts as missing. */
const MAX_ROWS_AHEAD = 5000;

/**
 * Gives stored entries in the order of their indexes. They are read in the order of time, which is the
 * same unless a row was changed; rows that come too early are held until their index is taken.
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

  /** The entry with an index, `undefined` when there is none. Indexes must increase from call to call. */
  async take(index: number): Promise<StoredEntry | undefined> {
    this.#next = index;
    while (!this.#ahead.has(index) && !this.#isAtEnd && this.#ahead.size < MAX_ROWS_AHEAD) {
      await this.#read();
    }
    const found = this.#ahead.get(index);
    this.#ahead.delete(index);
    return found;
  }

  /** Reads the remaining rows and reports them: the log does not commit to them. */
  async finish(endIndex: number): Promise<void> {
    this.#next = endIndex;
    do {
      for (const { index } of this.#ahead.values()) {
        this.faults.add('entry-added', index, 'the log ends before this index');
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
      this.faults.add(
        'entry-added',
        value.index,
        'a second row with this index, or one of a retired entry',
      );
      return;
    }
    this.#ahead.set(value.index, value);
  }
}
