import type { AuditEvent } from '#libs/audit';
import type { Database } from '#libs/platform';
import {
  bigintArray,
  bytesArray,
  textArray,
  timeArray,
} from '../../libs/audit/src/binary-array.js';
import { encodeEntry, type EncodedEntry } from '../../libs/audit/src/encode-entry.js';
import { entryColumnNames, entryColumns } from '../../libs/audit/src/entry-columns.js';

interface Waiting {
  readonly entry: EncodedEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What the log is held against: the same rows into the same tables, in batches of the same size, each
 * batch one durable statement; but no lock, no sequence that others could share, no tree, no signature.
 */
export class PlainInserts {
  #queue: Waiting[] = [];
  #isWorking = false;
  #next = 0;

  constructor(private readonly database: Database) {}

  async record(event: AuditEvent): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const entry = encodeEntry(event, Date.now());
    this.#queue.push({
      entry,
      resolve: () => {
        resolve(undefined);
      },
      reject,
    });
    if (!this.#isWorking) void this.#work();
    await promise;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, 1024);
      try {
        await this.#insert(batch.map(({ entry }) => entry));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isWorking = false;
  }

  async #insert(entries: readonly EncodedEntry[]): Promise<void> {
    const from = this.#next;
    this.#next += entries.length;
    const columns = entries.map(({ entry }) => entryColumns(entry));
    const personal = entries.flatMap((entry, nth) =>
      entry.personal.map((values) => ({ ...values, nth, recordedAtMs: entry.recordedAtMs })),
    );
    await this.database.query(insertSql, [
      bigintArray(entries.map((_, nth) => from + nth)),
      timeArray(entries.map(({ recordedAtMs }) => recordedAtMs)),
      bytesArray(
        'uuid',
        entries.map(({ id }) => id),
      ),
      bytesArray(
        'bytea',
        entries.map(({ leaf }) => leaf),
      ),
      ...entryColumnNames.map((name) => textArray(columns.map((row) => row[name]))),
      bigintArray(personal.map(({ nth }) => from + nth)),
      timeArray(personal.map(({ recordedAtMs }) => recordedAtMs)),
      textArray(personal.map(({ whose }) => whose)),
      textArray(personal.map(({ clientAddress }) => clientAddress)),
      textArray(personal.map(({ userAgent }) => userAgent)),
      textArray(personal.map(({ displayName }) => displayName)),
      bytesArray(
        'bytea',
        personal.map(({ salts }) => salts),
      ),
    ]);
  }
}

const texts = entryColumnNames.map((_, nth) => `$${5 + nth}::text[]`).join(', ');
const next = 5 + entryColumnNames.length;
const insertSql = `
  WITH entry AS (
    INSERT INTO audit_entry (entry_index, recorded_at, id, leaf, ${entryColumnNames.join(', ')})
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::uuid[], $4::bytea[], ${texts})
  )
  INSERT INTO audit_personal
    (entry_index, recorded_at, whose, client_address, user_agent, display_name, salts)
  SELECT * FROM unnest($${next}::bigint[], $${next + 1}::timestamptz[], $${next + 2}::text[],
    $${next + 3}::text[], $${next + 4}::text[], $${next + 5}::text[], $${next + 6}::bytea[])`;
