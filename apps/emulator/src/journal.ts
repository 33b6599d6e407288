/** One request to an emulated service. Never contains a token, a secret or a body. */
export interface JournalEntry {
  /** Ascending from 1; unique while the emulator runs. */
  readonly sequence: number;
  readonly at: string;
  readonly service: ServiceName;
  readonly operation: string;
  readonly method: string;
  /** Without the query string. */
  readonly path: string;
  /** Absent when no response was sent. */
  readonly status?: number;
  /** The authenticated caller: an object id, a client id or `key:primary`. */
  readonly caller?: string;
  /** The kinds of the injected faults, joined by `+`. */
  readonly fault?: string;
  readonly requestId: string;
  /** The header of the request, which joins it to a trace. */
  readonly traceparent?: string;
}

/** The emulated services, and the control API. */
export type ServiceName = 'entra' | 'acs' | 'key-vault' | 'graph' | 'managed-identity' | 'control';

/** A filter of journal entries. All members must match. */
export interface JournalQuery {
  readonly service?: ServiceName | undefined;
  readonly operation?: string | undefined;
  /** A sequence number or an ISO 8601 instant; exclusive. */
  readonly since?: number | string | undefined;
}

/** A ring buffer of the newest `capacity` requests to the emulated services. */
export class Journal {
  #entries: JournalEntry[] = [];
  #next = 1;

  constructor(private readonly capacity = 100_000) {}

  add(entry: Omit<JournalEntry, 'sequence'>): void {
    const sequence = this.#next++;
    this.#entries[(sequence - 1) % this.capacity] = { sequence, ...entry };
  }

  /** Oldest first. */
  read(query: JournalQuery = {}): JournalEntry[] {
    const isLater = laterThan(query.since);
    return this.#inOrder().filter(
      (entry) =>
        isLater(entry) &&
        (query.service === undefined || entry.service === query.service) &&
        (query.operation === undefined || entry.operation === query.operation),
    );
  }

  /** Sequence numbers continue, so that `since` of an earlier reader stays valid. */
  clear(): void {
    this.#entries = [];
  }

  #inOrder(): JournalEntry[] {
    const oldestAt = (this.#next - 1) % this.capacity;
    return [...this.#entries.slice(oldestAt), ...this.#entries.slice(0, oldestAt)].filter(
      (entry): entry is JournalEntry => (entry as JournalEntry | undefined) !== undefined,
    );
  }
}

function laterThan(since: number | string | undefined): (entry: JournalEntry) => boolean {
  if (since === undefined) return () => true;
  if (typeof since === 'number') return (entry) => entry.sequence > since;
  const instant = Date.parse(since);
  return (entry) => Date.parse(entry.at) > instant;
}
