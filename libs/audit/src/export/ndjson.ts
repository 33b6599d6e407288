import type { AuditEntryRecord } from '../entry/audit-entry-record.js';

/** Everything, with the entry's canonical bytes as they are in the log: they can be hashed again. */
export function ndjsonLine({ index, leaf, personal }: AuditEntryRecord): string {
  return `{"index":${index},"entry":${leaf.toString()},"personal":${JSON.stringify(personal)}}`;
}
