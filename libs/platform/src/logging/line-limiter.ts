import { detached } from '../telemetry/traced.js';

/** What stands for the lines of one kind that were not written. */
export interface OmittedLines<Kind> {
  readonly kind: Kind;
  readonly count: number;
  /** RFC 3339, of the first and of the last of them. */
  readonly from: string;
  readonly to: string;
}

export interface LineLimits {
  readonly windowMs: number;
  /** Lines of one kind that are written in a window. */
  readonly maxLinesPerKind: number;
  /** Lines of all kinds that are written in a window. */
  readonly maxLines: number;
  /** Kinds that are counted separately in a window. */
  readonly maxKinds: number;
}

interface Counter<Kind> {
  readonly kind: Kind;
  lines: number;
  omitted: number;
  fromMs: number;
  toMs: number;
}

/**
 * Bounds the lines that a flood writes by time. The first lines of each kind are written; the others are
 * counted, and one line at the end of the window has their exact number.
 *
 * Its timer does not keep the process alive: `flush` at the end.
 */
export class LineLimiter<Kind> {
  readonly #counters = new Map<string, Counter<Kind>>();
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param otherKinds stands for all kinds beyond `maxKinds` */
  constructor(
    private readonly limits: LineLimits,
    private readonly otherKinds: Kind,
    private readonly writeOmitted: (lines: OmittedLines<Kind>) => void,
  ) {}

  /** Counts a line. @returns whether it is to be written */
  admits(kind: Kind): boolean {
    const { windowMs, maxLinesPerKind, maxLines } = this.limits;
    const now = Date.now();
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, windowMs).unref();
    const counter = this.#counterOf(kind);
    if (counter.lines < maxLinesPerKind && this.#lines < maxLines) {
      counter.lines += 1;
      this.#lines += 1;
      return true;
    }
    if (counter.omitted === 0) counter.fromMs = now;
    counter.omitted += 1;
    counter.toMs = now;
    return false;
  }

  /** Ends the window: writes the numbers of the lines that were not written. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counters = [...this.#counters.values()];
    this.#counters.clear();
    this.#lines = 0;
    for (const { kind, omitted: count, fromMs, toMs } of counters) {
      if (count === 0) continue;
      const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
      // The timer was started in the trace of one of the requests.
      detached(() => {
        this.writeOmitted({ kind, count, from, to });
      });
    }
  }

  #counterOf(kind: Kind): Counter<Kind> {
    const key = JSON.stringify(kind);
    const existing = this.#counters.get(key);
    if (existing) return existing;
    const isOther = this.#counters.size >= this.limits.maxKinds;
    const other = isOther ? this.#counters.get('others') : undefined;
    if (other) return other;
    const counter = {
      kind: isOther ? this.otherKinds : kind,
      lines: 0,
      omitted: 0,
      fromMs: 0,
      toMs: 0,
    };
    this.#counters.set(isOther ? 'others' : key, counter);
    return counter;
  }
}
