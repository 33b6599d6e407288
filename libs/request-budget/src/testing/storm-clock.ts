import { Clock } from '#libs/platform';

interface Sleeper {
  readonly wakeAt: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Virtual time for tens of thousands of sleepers: it advances to the next wake-up once all sleep. */
export class StormClock extends Clock {
  /** A binary heap, the earliest wake-up on top. */
  readonly #sleepers: Sleeper[] = [];
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  monotonicNow(): number {
    return this.#now;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (delayMs <= 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const abort = (): void => {
      reject(signal?.reason as Error); // any reason is allowed, an Error by convention
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#push({
      wakeAt: this.#now + delayMs,
      order: (this.#order += 1),
      wake: () => {
        resolve(undefined);
      },
    });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Advances time until the work is done. @throws when nobody sleeps and it is not */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { isDone: false };
    const end = (): void => {
      state.isDone = true;
    };
    work.then(end, end);
    await new Promise(setImmediate);
    while (!state.isDone) {
      const next = this.#shift();
      if (!next) throw new Error('the simulation is deadlocked');
      this.#now = Math.max(this.#now, next.wakeAt);
      next.wake();
      await new Promise(setImmediate);
    }
    return work;
  }

  #push(sleeper: Sleeper): void {
    const heap = this.#sleepers;
    let place = heap.push(sleeper) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#swapUnless(parent, place)) return;
      place = parent;
    }
  }

  #shift(): Sleeper | undefined {
    const heap = this.#sleepers;
    const [first] = heap;
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    heap[0] = last;
    for (let place = 0; ;) {
      const left = 2 * place + 1;
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (child >= heap.length || !this.#swapUnless(place, child)) return first;
      place = child;
    }
  }

  /** @returns whether the two were swapped */
  #swapUnless(upper: number, lower: number): boolean {
    const heap = this.#sleepers;
    const [one, other] = [heap[upper], heap[lower]];
    if (!one || !other || !isBefore(other, one)) return false;
    heap[upper] = other;
    heap[lower] = one;
    return true;
  }
}

function isBefore(one: Sleeper | undefined, other: Sleeper | undefined): boolean {
  if (!one) return false;
  if (!other) return true;
  return one.wakeAt === other.wakeAt ? one.order < other.order : one.wakeAt < other.wakeAt;
}
