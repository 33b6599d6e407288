import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform';
import { type EntryRow, EntryRepository } from '../query/entry-repository.js';
import { type EntryFormatter, type ExportFormat, EXPORT_FORMATS } from './export-formats.js';
import { LogReader } from '../log/log-reader.js';

/** What to export. */
export interface ExportQuery {
  readonly format: ExportFormat;
  /** Where to go on: the `nextIndex` of the last piece that arrived. 0 for the beginning. */
  readonly fromIndex: number;
  /** Only entries that this tenant's people did or that were done to them. */
  readonly scopeTenant?: string | undefined;
}

/** Some lines, and where to go on after them. */
export interface ExportChunk {
  /** Whole lines, each with its end. */
  readonly text: string;
  readonly nextIndex: number;
}

const PAGE_SIZE = 1000;

/** Exports the log in the order of its indexes: whoever goes on where it stopped misses nothing. */
@Injectable()
export class EntryExport {
  constructor(
    private readonly database: Database,
    private readonly entries: EntryRepository,
    private readonly log: LogReader,
  ) {}

  /** Everything from an index up to what the log holds now. Retired entries are passed over. */
  async *stream(query: ExportQuery): AsyncGenerator<ExportChunk, undefined> {
    const form: EntryFormatter = EXPORT_FORMATS[query.format];
    const end = (await this.log.checkpoint()).size;
    if (form.header !== undefined) yield { text: `${form.header}\n`, nextIndex: query.fromIndex };
    let next = query.fromIndex;
    while (next < end) {
      const rows = await this.#page(next, end, query.scopeTenant);
      const last = rows.at(-1);
      const isLast = !last || rows.length < PAGE_SIZE;
      next = isLast ? end : Number(last.entry_index) + 1;
      const entries = await this.entries.withPersonalValues(rows);
      yield { text: entries.map((entry) => `${form.line(entry)}\n`).join(''), nextIndex: next };
    }
    return undefined;
  }

  async #page(from: number, end: number, tenant: string | undefined): Promise<EntryRow[]> {
    const span = await this.entries.timeSpanOf(from, end);
    const scope = tenant === undefined ? '' : 'AND (actor_tenant = $5 OR target_tenant = $5)';
    return this.database.query<EntryRow>(
      `SELECT entry_index, recorded_at, leaf FROM audit_entry
       WHERE recorded_at >= $1 AND recorded_at <= $2 AND entry_index >= $3 AND entry_index < $4 ${scope}
       ORDER BY recorded_at, entry_index LIMIT ${PAGE_SIZE}`,
      [
        (span?.from ?? new Date(0)).toISOString(),
        (span?.to ?? new Date(0)).toISOString(),
        from,
        end,
        ...(tenant === undefined ? [] : [tenant]),
      ],
    );
  }
}
