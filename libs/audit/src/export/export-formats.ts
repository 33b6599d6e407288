import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { cefLine } from './cef.js';
import { CSV_HEADER, csvLine } from './csv.js';
import { ecsLine } from './ecs.js';
import { ocsfLine } from './ocsf.js';

/** A form in which entries leave for other systems, one line for each. */
export interface EntryFormatter {
  readonly mediaType: string;
  /** The first line, where the form has one. */
  readonly header?: string;
  /** Without the line's end. Never has a line break inside. */
  readonly line: (entry: AuditEntryRecord) => string;
}

/** Every form, by the name that callers ask for it. */
export const EXPORT_FORMATS = {
  ndjson: { mediaType: 'application/x-ndjson', line: ndjsonLine },
  csv: { mediaType: 'text/csv; charset=utf-8', header: CSV_HEADER, line: csvLine },
  cef: { mediaType: 'text/plain; charset=utf-8', line: cefLine },
  ocsf: { mediaType: 'application/x-ndjson', line: ocsfLine },
  ecs: { mediaType: 'application/x-ndjson', line: ecsLine },
} as const satisfies Record<string, EntryFormatter>;

export type ExportFormat = keyof typeof EXPORT_FORMATS;

/** Everything, with the entry's canonical bytes as they are in the log: they can be hashed again. */
function ndjsonLine({ index, leaf, personal }: AuditEntryRecord): string {
  return `{"index":${index},"entry":${leaf.toString()},"personal":${JSON.stringify(personal)}}`;
}
