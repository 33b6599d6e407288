/** Share that the past keeps with each batch. */
const DECAY = 0.8;
/** A batch of this size is always allowed: the cost of its commit is worth sharing. */
const MIN_BATCH_ENTRIES = 64;
/** Larger batches gain nothing: the cost of a commit is no longer worth sharing further. */
const MAX_BATCH_ENTRIES = 2048;
/** Entries that must have been observed before the rate predicts a queue. */
const MIN_OBSERVED_ENTRIES = 64;

/** How fast the log takes entries: a moving average in which large batches weigh more. */
export class AppendRate {
  #entries = 0;
  #durationMs = 0;

  observe(entries: number, durationMs: number): void {
    this.#entries = DECAY * this.#entries + entries;
    this.#durationMs = DECAY * this.#durationMs + durationMs;
  }

  /** The entries that a batch of a duration may hold. */
  batchEntriesWithin(durationMs: number): number {
    if (this.#entries === 0) return MAX_BATCH_ENTRIES;
    const fitting = Math.floor(durationMs / this.#msPerEntry);
    return Math.min(MAX_BATCH_ENTRIES, Math.max(MIN_BATCH_ENTRIES, fitting));
  }

  /** Time until that many entries are committed; 0 while too little is known. */
  durationOf(entries: number): number {
    return this.#entries < MIN_OBSERVED_ENTRIES ? 0 : entries * this.#msPerEntry;
  }

  get #msPerEntry(): number {
    return this.#entries === 0 ? 0 : this.#durationMs / this.#entries;
  }
}
