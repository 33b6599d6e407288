import type { Transaction } from '#libs/platform';
import { copyRows, type RowCopy } from './binary-copy.js';
import type { EncodedEntry } from '../entry/encode-entry.js';
import { ENTRY_COLUMN_NAMES, entryColumns } from '../entry/entry-columns.js';
import { BinaryRowWriter } from './binary-row-writer.js';

/** Adds entries, the first one at an index. */
export async function copyEntries(
  transaction: Transaction,
  entries: readonly EncodedEntry[],
  firstIndex: number,
): Promise<RowCopy> {
  const sql = `COPY audit_entry (entry_index, recorded_at, id, leaf, ${ENTRY_COLUMN_NAMES.join(', ')})
    FROM STDIN (FORMAT binary)`;
  const rows = inChunks(entries, ({ entry, id, leaf, recordedAtMs }, nth, writer) => {
    const columns = entryColumns(entry);
    writer.row(4 + ENTRY_COLUMN_NAMES.length);
    writer.bigint(firstIndex + nth);
    writer.time(recordedAtMs);
    writer.bytes(id);
    writer.bytes(leaf);
    for (const name of ENTRY_COLUMN_NAMES) writer.text(columns[name]);
  });
  return copyRows(transaction, sql, rows);
}

/** The rows of these entries' personal values, which stand beside the log; ready to be copied. */
export function personalRows(
  entries: readonly EncodedEntry[],
  firstIndex: number,
): readonly Buffer[] {
  if (entries.every(({ personal }) => personal.length === 0)) return [];
  const chunks = inChunks(entries, ({ personal, recordedAtMs }, nth, writer) => {
    for (const values of personal) {
      writer.row(7);
      writer.bigint(firstIndex + nth);
      writer.time(recordedAtMs);
      writer.text(values.whose);
      writer.text(values.clientAddress);
      writer.text(values.userAgent);
      writer.text(values.displayName);
      writer.bytes(values.salts);
    }
  });
  return [...chunks];
}

/** Adds what `personalRows` gave. */
export async function copyPersonalRows(
  transaction: Transaction,
  rows: readonly Buffer[],
): Promise<void> {
  if (rows.length === 0) return;
  const sql = `COPY audit_personal
    (entry_index, recorded_at, whose, client_address, user_agent, display_name, salts)
    FROM STDIN (FORMAT binary)`;
  const copy = await copyRows(transaction, sql, rows);
  await copy.stored;
}

function* inChunks(
  entries: readonly EncodedEntry[],
  write: (entry: EncodedEntry, nth: number, writer: BinaryRowWriter) => void,
): Generator<Buffer, undefined> {
  const writer = new BinaryRowWriter();
  for (const [nth, entry] of entries.entries()) {
    write(entry, nth, writer);
    if (writer.isFull) yield writer.take();
  }
  writer.end();
  yield writer.take();
  return undefined;
}
