/** One request that a fake service got. Never holds a token, a secret or a body. */
export interface JournalEntry {
  /** Counts up from 1 and is never used twice while the emulator runs. */
  readonly sequence: number;
  readonly at: string;
  readonly service: ServiceName;
  readonly operation: string;
  readonly method: string;
  /** Without the query string. */
  readonly path: string;
  /** Absent when the connection was cut or the answer held back. */
  readonly status?: number;
  /** Who called, as far as the service found out: object id, client id or `key:primary`. */
  readonly caller?: string;
  readonly fault?: string;
  readonly requestId: string;
}

export type ServiceName = 'entra' | 'acs' | 'key-vault' | 'managed-identity' | 'control';

export interface JournalQuery {
  readonly service?: ServiceName | undefined;
  readonly operation?: string | undefined;
  /** A sequence number or an ISO instant: only later entries are given. */
  readonly since?: number | string | undefined;
}

/** The requests the fake services got: the newest `capacity` of them, older ones are forgotten. */
export class Journal {
  private entries: JournalEntry[] = [];
  private next = 1;

  constructor(private readonly capacity = 100_000) {}

  add(entry: Omit<JournalEntry, 'sequence'>): void {
    const sequence = this.next++;
    this.entries[(sequence - 1) % this.capacity] = { sequence, ...entry };
  }

  /** Oldest first. */
  read(query: JournalQuery = {}): JournalEntry[] {
    const isLater = laterThan(query.since);
    return this.inOrder().filter(
      (entry) =>
        isLater(entry) &&
        (query.service === undefined || entry.service === query.service) &&
        (query.operation === undefined || entry.operation === query.operation),
    );
  }

  /** Sequence numbers go on, so that a reader's `since` keeps its meaning. */
  clear(): void {
    this.entries = [];
  }

  private inOrder(): JournalEntry[] {
    const oldestAt = (this.next - 1) % this.capacity;
    return [...this.entries.slice(oldestAt), ...this.entries.slice(0, oldestAt)].filter(
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
