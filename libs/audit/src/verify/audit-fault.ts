/** What is wrong with the log. */
export type AuditFaultKind =
  | 'entry-differs'
  | 'entry-missing'
  | 'entry-added'
  | 'column-differs'
  | 'personal-differs'
  | 'personal-missing'
  | 'personal-added'
  | 'head-differs'
  | 'head-missing'
  | 'head-added'
  | 'tile-differs'
  | 'tile-missing'
  | 'tile-added'
  | 'fingerprint-key-differs'
  | 'statistic-differs'
  | 'checkpoint-contradicted';

/** One finding of a verification. */
export interface AuditFault {
  readonly kind: AuditFaultKind;
  /** The first entry that the finding casts doubt on. */
  readonly index: number;
  /** The index after the last such entry. */
  readonly endIndex: number;
  /** What differs, in a few words without values. */
  readonly detail: string;
}

/** Collects findings; gives up collecting when there are too many to be of use. */
export class AuditFaults {
  readonly #found: AuditFault[] = [];

  constructor(private readonly limit: number) {}

  add(kind: AuditFaultKind, index: number, detail: string, endIndex = index + 1): void {
    this.#found.push({ kind, index: Math.max(0, index), endIndex, detail });
  }

  get isFull(): boolean {
    return this.#found.length >= this.limit;
  }

  /** Whether entries themselves were changed, and not only what is stored beside them. */
  get hasEntryFault(): boolean {
    return this.#found.some(({ kind }) => /^(entry|checkpoint)-/.test(kind));
  }

  /** In the order of the entries. */
  sorted(): AuditFault[] {
    return this.#found.toSorted((a, b) => a.index - b.index || a.endIndex - b.endIndex);
  }
}
