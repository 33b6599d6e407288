import type { AuditEntry } from './audit-entry.js';

/** An entry of the log with what is known beside it. */
export interface AuditEntryRecord {
  readonly index: number;
  readonly entry: AuditEntry;
  /** The bytes that the log commits to. */
  readonly leaf: Buffer;
  /** The values behind the entry's hashes, as far as they were not erased. */
  readonly personal: {
    readonly actorDisplayName?: string;
    readonly clientAddress?: string;
    readonly targetDisplayName?: string;
    readonly userAgent?: string;
  };
}
