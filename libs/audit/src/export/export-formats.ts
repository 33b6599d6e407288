import { addressKey } from '#libs/platform';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { damagedEntry } from '../entry/damaged-entry.js';
import { cefLine } from './cef.js';
import { CSV_HEADER, csvLine } from './csv.js';
import { ecsLine } from './ecs.js';
import { ocsfLine } from './ocsf.js';

/** A text format for other systems, one line for each entry. */
export interface EntryFormatter {
  readonly mediaType: string;
  /** The first line, where the format has one. */
  readonly header?: string;
  /** The line of an entry, without a line break. */
  readonly line: (entry: AuditEntryRecord) => string;
}

/** Every export format by its name in the API. */
export const EXPORT_FORMATS = {
  ndjson: { mediaType: 'application/x-ndjson', line: ndjsonLine },
  csv: { mediaType: 'text/csv; charset=utf-8', header: CSV_HEADER, line: marked(csvLine) },
  cef: { mediaType: 'text/plain; charset=utf-8', line: marked(cefLine) },
  ocsf: { mediaType: 'application/x-ndjson', line: marked(ocsfLine) },
  ecs: { mediaType: 'application/x-ndjson', line: marked(ecsLine) },
} as const satisfies Record<string, EntryFormatter>;

export type ExportFormat = keyof typeof EXPORT_FORMATS;

/** For formats without a mark of damage: nothing that was changed is written as if it had happened. */
function marked(line: EntryFormatter['line']): EntryFormatter['line'] {
  return (record) => {
    if (!record.isDamaged) return line(record);
    const { index, entry, leaf: storedBytes } = record;
    return line(damagedEntry({ index, recordedAt: new Date(entry.recordedAt), storedBytes }));
  };
}

/** The entry's canonical bytes, so that its leaf hash can be computed, with index and personal values. */
function ndjsonLine({ index, entry, leaf, personal: values, isDamaged }: AuditEntryRecord): string {
  const { clientAddress } = values;
  const network = clientAddress !== undefined && { clientNetwork: addressKey(clientAddress) };
  const personal = { ...values, ...network };
  if (isDamaged) {
    // Bytes that were changed may not be one line of JSON.
    const storedBytes = leaf.toString('base64');
    return JSON.stringify({ index, entry, personal, isDamaged, storedBytes });
  }
  return `{"index":${index},"entry":${leaf.toString()},"personal":${JSON.stringify(personal)}}`;
}
