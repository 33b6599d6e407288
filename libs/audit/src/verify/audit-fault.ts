/** Every kind of fault: whether the entries themselves are affected, or only what is derived from them. */
const AFFECTS_ENTRIES = {
  'entry-differs': true,
  'entry-missing': true,
  'entry-added': true,
  'column-differs': false,
  'personal-differs': false,
  'personal-missing': false,
  'personal-added': false,
  'head-differs': false,
  'head-missing': false,
  'head-added': false,
  'tile-differs': false,
  'tile-missing': false,
  'tile-added': false,
  'fingerprint-key-differs': false,
  'signing-key-differs': false,
  'statistic-differs': false,
  'quorum-missing': false,
  'checkpoint-contradicted': true,
} as const;

export type AuditFaultKind = keyof typeof AFFECTS_ENTRIES;

/** The detail of a fault `checkpoint-contradicted`. */
export const CONTRADICTION = 'the log is another one than before';

/** The detail of a fault `checkpoint-contradicted` of a log that ends before a checkpoint. */
export const SHORTENED = 'the log is shorter than before';

/** What a verification found to be wrong. */
export interface AuditFault {
  readonly kind: AuditFaultKind;
  /** The first entry that the fault affects. */
  readonly index: number;
  /** The index after the last such entry. */
  readonly endIndex: number;
  /** What differs, without its value. */
  readonly detail: string;
}

/** Collects the faults of one verification. */
export class AuditFaults {
  readonly #found: AuditFault[] = [];
  readonly #ofCause = new Map<string, number>();

  /**
   * @param limit number of faults after which `isFull` is true and the verification ends
   * @param causeLimit number of faults of one kind and detail that are kept
   */
  constructor(
    private readonly limit: number,
    private readonly causeLimit = limit,
  ) {}

  add(kind: AuditFaultKind, index: number, detail: string, endIndex = index + 1): void {
    const cause = `${kind}: ${detail}`;
    const earlier = this.#ofCause.get(cause) ?? 0;
    if (earlier >= this.causeLimit) return;
    this.#ofCause.set(cause, earlier + 1);
    this.#found.push({ kind, index: Math.max(0, index), endIndex, detail });
  }

  get isFull(): boolean {
    return this.#found.length >= this.limit;
  }

  /** Whether entries themselves are affected. */
  get hasEntryFault(): boolean {
    return this.#found.some(({ kind }) => AFFECTS_ENTRIES[kind]);
  }

  /**
   * In the order of the entries. A contradicted checkpoint comes last: it says that an entry below its
   * size differs, not which one.
   */
  sorted(): AuditFault[] {
    const isVague = ({ kind }: AuditFault): number => Number(kind === 'checkpoint-contradicted');
    return this.#found.toSorted(
      (a, b) => isVague(a) - isVague(b) || a.index - b.index || a.endIndex - b.endIndex,
    );
  }
}
