import { Injectable } from '@nestjs/common';
import { mapInSlices, ReadingDatabase } from '#libs/platform';
import { LogReader } from '../log/log-reader.js';
import { EntryRepository, type EntryRow } from '../query/entry-repository.js';
import { withoutForeignValues } from '../query/visible-values.js';
import { type EntryFormatter, EXPORT_FORMATS, type ExportFormat } from './export-formats.js';

/** Which entries to export, and in which format. */
export interface ExportQuery {
  readonly format: ExportFormat;
  /** Where to continue: the `nextIndex` of the last chunk received. 0 for the beginning. */
  readonly fromIndex: number;
  /** Only entries whose actor or target is of this tenant. */
  readonly scopeTenant?: string | undefined;
}

/** Some lines, and where to continue after them. */
export interface ExportChunk {
  /** Complete lines, each with its line break. */
  readonly text: string;
  readonly nextIndex: number;
}

/** Entries that one export holds in memory. */
const PAGE_SIZE = 200;

/** Exports entries in the order of their indexes, so that an interrupted export continues without a gap. */
@Injectable()
export class EntryExport {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly log: LogReader,
  ) {}

  /** The entries from an index up to the current end of the log. Retired entries are skipped. */
  async *stream(query: ExportQuery): AsyncGenerator<ExportChunk, undefined> {
    const formatter: EntryFormatter = EXPORT_FORMATS[query.format];
    const end = (await this.log.checkpoint()).size;
    if (formatter.header !== undefined)
      yield { text: `${formatter.header}\n`, nextIndex: query.fromIndex };
    let next = query.fromIndex;
    while (next < end) {
      const rows = await this.#page(next, end, query.scopeTenant);
      const last = rows.at(-1);
      const isLast = !last || rows.length < PAGE_SIZE;
      next = isLast ? end : Number(last.entry_index) + 1;
      const entries = await this.entries.withPersonalValues(rows);
      const lines = await mapInSlices(entries, (entry) => {
        const visible = withoutForeignValues(entry, query.scopeTenant);
        return `${formatter.line(visible)}\n`;
      });
      yield { text: lines.join(''), nextIndex: next };
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
