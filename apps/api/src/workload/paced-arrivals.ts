/** Arrivals in one iteration of the event loop. */
const MAX_PER_ITERATION = 4;

/**
 * Lets a few requests pass in each iteration of the event loop, in the order of their arrival. A burst
 * then doesn't delay the requests before it: what they wait for is read between two arrivals.
 */
export class PacedArrivals {
  readonly #waiting: (() => void)[] = [];
  #passed = 0;
  #isScheduled = false;

  async enter(): Promise<void> {
    this.#schedule();
    if (this.#passed < MAX_PER_ITERATION && this.#waiting.length === 0) {
      this.#passed += 1;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const next = this.#waiting.splice(0, MAX_PER_ITERATION);
      this.#passed = next.length;
      if (next.length > 0) this.#schedule();
      for (const pass of next) pass();
    });
  }
}
