import type { AuditEntry } from '../entry/audit-entry.js';

/** An entry of the log. */
export interface CommittedEntry {
  readonly index: number;
  readonly entry: AuditEntry;
}

/**
 * Publishes the entries that this process has committed, in their order, once each.
 *
 * For what may be missed, such as a live view or a counter: entries of other replicas are not
 * published, and a process that dies after a commit publishes nothing. A consumer that needs every
 * entry reads the log from the last index that it has seen.
 */
export class AuditEntryEvents {
  readonly #listeners = new Set<(entries: readonly CommittedEntry[]) => void>();

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  /**
   * @param listener is called after each commit: it must return at once and must not throw
   * @returns ends the subscription
   */
  subscribe(listener: (entries: readonly CommittedEntry[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called by the audit trail. */
  emit(entries: readonly CommittedEntry[]): void {
    for (const listener of this.#listeners) listener(entries);
  }
}
