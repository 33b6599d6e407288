/** Share that the past keeps with each batch. */
const DECAY = 0.8;
/** A batch of this size is always allowed, and takes about as long as one of a single entry. */
const MIN_BATCH_ENTRIES = 64;
/** Larger batches gain nothing: the cost of a commit is no longer worth sharing further. */
const MAX_BATCH_ENTRIES = 2048;
/** Entries that must have been observed before the rate predicts a queue. */
const MIN_OBSERVED_ENTRIES = 64;

/**
 * How fast the log takes entries: moving averages of the size and the duration of its batches, and of the
 * time that they wait for other processes. The duration of small batches is that of the commit, and says
 * nothing about a longer queue.
 */
export class AppendRate {
  #batches = 0;
  #entries = 0;
  #durationMs = 0;
  #waitMs = 0;

  /**
   * @param durationMs without `waitMs`
   * @param waitMs until this process had locked the log
   */
  observe(entries: number, durationMs: number, waitMs = 0): void {
    this.#batches = DECAY * this.#batches + 1;
    this.#entries = DECAY * this.#entries + entries;
    this.#durationMs = DECAY * this.#durationMs + durationMs;
    this.#waitMs = DECAY * this.#waitMs + waitMs;
  }

  /** The entries that a batch of a duration may hold. */
  batchEntriesWithin(durationMs: number): number {
    if (this.#entries === 0) return MAX_BATCH_ENTRIES;
    const fitting = Math.floor(durationMs / this.#msPerEntry);
    return Math.min(MAX_BATCH_ENTRIES, Math.max(MIN_BATCH_ENTRIES, fitting));
  }

  /** Time until that many entries are committed; 0 while too little is known. */
  durationOf(entries: number): number {
    if (this.#entries < MIN_OBSERVED_ENTRIES) return 0;
    return entries * this.#msPerEntry + this.#waitMs / this.#batches;
  }

  get #msPerEntry(): number {
    if (this.#batches === 0) return 0;
    return this.#durationMs / Math.max(this.#entries, this.#batches * MIN_BATCH_ENTRIES);
  }
}
