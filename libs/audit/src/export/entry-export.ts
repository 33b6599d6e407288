import { Injectable } from '@nestjs/common';
import { type CanonicalName, mapInSlices, ReadingDatabase } from '#libs/platform';
import { LogReader } from '../log/log-reader.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import type { EntryFilter, EntryQuery } from '../query/entry-filter.js';
import { EntrySearch } from '../query/entry-search.js';
import { EntryRepository, type EntryRow } from '../query/entry-repository.js';
import { ENTRY_ROW } from '../query/search-statement.js';
import { withoutForeignValues } from '../query/visible-values.js';
import { type EntryFormatter, EXPORT_FORMATS, type ExportFormat } from './export-formats.js';

/** Which entries to export, and in which format. */
export interface ExportQuery extends EntryFilter {
  readonly format: ExportFormat;
  /** Where to continue: the `nextIndex` of the last chunk received. 0 for the beginning. */
  readonly fromIndex: number;
  /** The last index to export. Default: that of the newest entry. */
  readonly toIndex?: number | undefined;
  /** Whether the text begins with a byte order mark, which spreadsheets need to read UTF-8. */
  readonly bom?: boolean | undefined;
  /** Whether the last line, a JSON object, counts the entries. */
  readonly summary?: boolean | undefined;
  /** Only entries whose actor or target is of this tenant. */
  readonly scopeTenant?: CanonicalName | undefined;
}

/** Some lines, and where to continue after them. */
export interface ExportChunk {
  /** Complete lines, each with its line break. */
  readonly text: string;
  readonly entryCount: number;
  readonly nextIndex: number;
}

/** The last line of an export: without it, or without `isComplete`, the export was cut off. */
interface Summary {
  count: number;
  firstIndex?: number | undefined;
  lastIndex?: number | undefined;
}

const BYTE_ORDER_MARK = '\ufeff';

/** Entries that one export holds in memory. */
const PAGE_SIZE = 200;

/** Exports entries in the order of their indexes, so that an interrupted export continues without a gap. */
@Injectable()
export class EntryExport {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly search: EntrySearch,
    private readonly log: LogReader,
  ) {}

  /** The entries from an index up to the current end of the log. Retired entries are skipped. */
  async *stream(query: ExportQuery): AsyncGenerator<ExportChunk, undefined> {
    const { format, fromIndex, toIndex, bom, summary, scopeTenant, ...filter } = query;
    const formatter: EntryFormatter = EXPORT_FORMATS[format];
    const { size } = await this.log.checkpoint();
    const end = Math.min(size, (toIndex ?? size) + 1);
    const header = formatter.header === undefined ? '' : `${formatter.header}\n`;
    const start = bom ? `${BYTE_ORDER_MARK}${header}` : header;
    if (start !== '') yield { text: start, entryCount: 0, nextIndex: fromIndex };
    const counted: Summary = { count: 0 };
    let next = fromIndex;
    while (next < end) {
      const entries = await this.#page({ ...filter, scopeTenant }, next, end);
      const last = entries.at(-1);
      next = !last || entries.length < PAGE_SIZE ? end : last.index + 1;
      counted.count += entries.length;
      counted.firstIndex ??= entries[0]?.index;
      counted.lastIndex = last?.index ?? counted.lastIndex;
      const lines = await mapInSlices(entries, (entry) => {
        const visible = withoutForeignValues(entry, scopeTenant);
        return `${formatter.line(visible)}\n`;
      });
      yield { text: lines.join(''), entryCount: entries.length, nextIndex: next };
    }
    if (summary) {
      const text = `${JSON.stringify({ summary: { ...counted, isComplete: true } })}\n`;
      yield { text, entryCount: 0, nextIndex: next };
    }
    return undefined;
  }

  /** The next entries by index: of all, without a search. */
  async #page(
    { scopeTenant, ...filter }: Omit<EntryQuery, 'limit'>,
    from: number,
    end: number,
  ): Promise<readonly AuditEntryRecord[]> {
    if (Object.values(filter).every((value) => value === undefined)) {
      return this.entries.withPersonalValues(await this.#rows(from, end, scopeTenant));
    }
    const page = { order: 'ascending', limit: PAGE_SIZE, after: from - 1, before: end } as const;
    return (await this.search.find({ ...filter, ...page, scopeTenant })).items;
  }

  async #rows(from: number, end: number, tenant: string | undefined): Promise<EntryRow[]> {
    const span = await this.entries.timeSpanOf(from, end);
    const scope = tenant === undefined ? '' : 'AND (actor_tenant = $5 OR target_tenant = $5)';
    return this.database.query<EntryRow>(
      `SELECT ${ENTRY_ROW} FROM audit_entry e
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
