import { randomUUID } from 'node:crypto';
import type { Clock, Logger } from '#libs/platform';
import type { AuditEvent } from './audit-event.js';
import type { AuditTrail } from './audit-trail.js';

/** What every entry of aggregated occurrences has in its `details`. */
export interface AggregateDetails {
  /** Number of occurrences that share the entry. */
  readonly count: number;
  /** RFC 3339, of the first and of the last of them. */
  readonly from: string;
  readonly to: string;
  /** Random id: the same in an entry that is written again because an answer was lost. */
  readonly tally: string;
  /** Number of keys that share the entry, where there are several. */
  readonly sources?: number;
}

/** The wider key, and the occurrence that its entry shows. */
export type Widened<Occurrence> = readonly [key: string, occurrence: Occurrence];

/** Bounds what one window needs in memory and writes. */
export interface AggregationLimit<Occurrence> {
  /** Keys that are counted separately in memory. Others are counted under their widest key. */
  readonly maxKeys: number;
  /** Keys that get an entry of their own. The others share entries, under wider keys. */
  readonly maxEntries: number;
  /** From narrow to wide; each is used for the rarest keys when the ones before left too many. */
  readonly wider: readonly ((occurrence: Occurrence) => Widened<Occurrence>)[];
  /** Occurrences whose keys always have entries of their own: there must be few. Default: none. */
  readonly isSeparate?: (occurrence: Occurrence) => boolean;
}

export interface AggregationOptions<Occurrence> {
  /** Names the recorder in log lines. */
  readonly name: string;
  /** Occurrences with one key are counted over this time, which begins with the first of any key. */
  readonly windowMs: number;
  /** Whether a key's first occurrence is recorded at once and only repeats are counted. Default: false. */
  readonly recordsFirstAtOnce?: boolean;
  /** Default: no limit. */
  readonly limit?: AggregationLimit<Occurrence>;
  /** The entries of occurrences with one key. The given one is the first of them. */
  readonly eventsOf: (occurrence: Occurrence, details: AggregateDetails) => readonly AuditEvent[];
}

interface Aggregate<Occurrence> {
  readonly occurrence: Occurrence;
  sources: number;
  count: number;
  fromMs: number;
  toMs: number;
}

const RETRY_MS = 5_000;
const MAX_EVENTS_PER_CALL = 200;

/**
 * Records what can occur in floods: occurrences with the same key share an entry with their count, one
 * in each window. The counts add up to the occurrences.
 *
 * Callers don't wait for the log. Entries that can't be written are retried every five seconds, unchanged;
 * meanwhile the window stays open. `stop` writes what is left. A process that is killed loses it.
 */
export class AggregatingRecorder<Occurrence> {
  readonly #stop = new AbortController();
  readonly #aggregates = new Map<string, Aggregate<Occurrence>>();
  #unwritten: AuditEvent[] = [];
  #writing: Promise<void> | undefined;
  #hasWindow = false;

  constructor(
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly options: AggregationOptions<Occurrence>,
  ) {}

  /** Counts an occurrence. Resolves at once; after `stop`, when it was written or could not be. */
  async add(key: string, occurrence: Occurrence): Promise<void> {
    const { limit, recordsFirstAtOnce = false } = this.options;
    const isKnown = this.#aggregates.has(key);
    const isFull = limit !== undefined && this.#aggregates.size >= limit.maxKeys;
    const widest = limit?.isSeparate?.(occurrence) === true ? undefined : limit?.wider.at(-1);
    if (!isKnown && isFull && widest) {
      this.#count(...widest(occurrence));
    } else {
      this.#count(key, occurrence);
      if (!isKnown && recordsFirstAtOnce) this.#close(key);
    }
    if (this.#stop.signal.aborted) {
      await this.#endWindow();
      return;
    }
    void this.#write();
    if (!this.#hasWindow) void this.#runWindows();
  }

  /** Writes what was counted, or tries to once. Never rejects; `add` may still be called. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#endWindow();
  }

  #count(key: string, occurrence: Occurrence): void {
    const now = this.clock.now();
    const known = this.#aggregates.get(key);
    if (!known) {
      this.#aggregates.set(key, { occurrence, sources: 1, count: 1, fromMs: now, toMs: now });
      return;
    }
    if (known.count === 0) known.fromMs = now;
    known.count += 1;
    known.toMs = now;
  }

  async #runWindows(): Promise<void> {
    this.#hasWindow = true;
    while (this.#aggregates.size > 0) {
      await this.#pause(this.options.windowMs);
      await this.#endWindow();
    }
    this.#hasWindow = false;
  }

  async #endWindow(): Promise<void> {
    // Entries of the window before come first: memory is bounded by two windows.
    await this.#write();
    if (this.options.limit) this.#merge(this.options.limit);
    for (const key of this.#aggregates.keys()) this.#close(key);
    await this.#write();
  }

  /** Merges the rarest keys until the window has about `maxEntries`, or no wider key is left. */
  #merge({ maxEntries, wider, isSeparate }: AggregationLimit<Occurrence>): void {
    for (const widen of wider) {
      const shared = [...this.#aggregates].filter(
        ([, { occurrence }]) => isSeparate?.(occurrence) !== true,
      );
      if (shared.length <= maxEntries) return;
      shared.sort(([, a], [, b]) => b.count - a.count);
      for (const [key, part] of shared.slice(Math.ceil(maxEntries / 2))) {
        const [widerKey, occurrence] = widen(part.occurrence);
        this.#aggregates.delete(key);
        const whole = this.#aggregates.get(widerKey);
        if (whole) mergeInto(whole, part);
        else this.#aggregates.set(widerKey, { ...part, occurrence });
      }
    }
  }

  /** Turns a count into entries. With `recordsFirstAtOnce`, a key stays known while it repeats. */
  #close(key: string): void {
    const aggregate = this.#aggregates.get(key);
    if (!aggregate) return;
    const { occurrence, count, fromMs, toMs, sources } = aggregate;
    if (count === 0 || this.options.recordsFirstAtOnce !== true) this.#aggregates.delete(key);
    if (count === 0) return;
    aggregate.count = 0;
    const from = new Date(fromMs).toISOString();
    const to = new Date(toMs).toISOString();
    const shared = sources > 1 && { sources };
    const details = { count, from, to, tally: randomUUID(), ...shared };
    this.#unwritten.push(...this.options.eventsOf(occurrence, details));
  }

  async #write(): Promise<void> {
    if (this.#unwritten.length > 0) this.#writing ??= this.#writeAll();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#unwritten.length > 0) {
      const events = this.#unwritten.slice(0, MAX_EVENTS_PER_CALL);
      try {
        await this.trail.recordAll(events);
        this.#unwritten = this.#unwritten.slice(events.length);
      } catch (error) {
        const { name } = this.options;
        const problem = error instanceof Error ? error.name : 'unknown';
        const entryCount = this.#unwritten.length;
        this.logger.warn({ name, problem, entryCount }, 'aggregated audit entries not written yet');
        if (this.#stop.signal.aborted) break;
        await this.#pause(RETRY_MS);
      }
    }
    this.#writing = undefined;
  }

  async #pause(forMs: number): Promise<void> {
    await this.clock.sleep(forMs, this.#stop.signal).catch(() => undefined);
  }
}

function mergeInto<Occurrence>(whole: Aggregate<Occurrence>, part: Aggregate<Occurrence>): void {
  whole.sources += part.sources;
  whole.count += part.count;
  whole.fromMs = Math.min(whole.fromMs, part.fromMs);
  whole.toMs = Math.max(whole.toMs, part.toMs);
}
