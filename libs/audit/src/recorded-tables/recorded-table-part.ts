import { isCanonicalGuid, type Transaction } from '#libs/platform';
import { checkOrReport } from '../background/check-or-report.js';
import type {
  CheckedSlice,
  Finding,
  PartPosition,
  VerifiedPart,
} from '../background/verified-part.js';
import { logSize } from '../postgres/log-queries.js';
import { readRetainedEntries } from './recorded-entries.js';
import type { RecordedTable, RowDifference } from './recorded-table.js';
import { entriesAfter, FIRST_ID, FIRST_INDEX, rowsAfter } from './table-slices.js';

const SLICE_ROWS = 500;
/** Of places of entries, so that they differ from those of rows. */
const ENTRY = 'entry ';

/** A table against the log, for the background verifier: all its rows, then all entries that have a row. */
export class RecordedTablePart implements VerifiedPart {
  readonly name: string;

  constructor(private readonly table: RecordedTable) {
    this.name = table.name;
  }

  async check(transaction: Transaction, position: PartPosition): Promise<CheckedSlice> {
    const { entry } = position;
    const isOfEntries = Number.isSafeInteger(entry) && Number(entry) >= FIRST_INDEX;
    return isOfEntries
      ? this.#checkEntries(transaction, Number(entry))
      : this.#checkRows(transaction, position);
  }

  async #checkRows(transaction: Transaction, position: PartPosition): Promise<CheckedSlice> {
    const { after, done, total } = await this.#begin(transaction, position);
    const range = await rowsAfter(transaction, this.table, after, SLICE_ROWS);
    const { until } = range;
    const checked = done + SLICE_ROWS;
    const slice = { place: `${after}…`, what: `the slice of rows after ${after}` };
    return {
      position:
        until === undefined ? { entry: FIRST_INDEX } : { after: until, done: checked, total },
      progress: until === undefined ? 0.5 : Math.min(0.5, checked / Math.max(1, total) / 2),
      isComplete: false,
      found: await checkOrReport(transaction, slice, async (inner) => {
        const retained = await readRetainedEntries(inner);
        const differences = await this.table.compareRows(inner, range, retained);
        return differences.map((one) => this.#toFinding(one, one.row));
      }),
      // Places that are no ids belong to a slice as well.
      isChecked: (place) =>
        !place.startsWith(ENTRY) &&
        (after === FIRST_ID || place > after) &&
        (until === undefined || place <= until),
    };
  }

  async #checkEntries(transaction: Transaction, after: number): Promise<CheckedSlice> {
    const range = await entriesAfter(transaction, this.table, after, SLICE_ROWS);
    const { until } = range;
    const slice = { place: `${ENTRY}${after + 1}`, what: `the slice of entries after ${after}` };
    return {
      position: until === undefined ? {} : { entry: until },
      progress:
        until === undefined
          ? 1
          : 0.5 + Math.min(1, until / Math.max(1, await logSize(transaction))) / 2,
      isComplete: until === undefined,
      found: await checkOrReport(transaction, slice, async (inner) => {
        const retained = await readRetainedEntries(inner);
        const differences = await this.table.compareEntries(inner, range, retained);
        return differences.map((one) => this.#toFinding(one, `${ENTRY}${one.entry ?? after + 1}`));
      }),
      isChecked: (place) => {
        if (!place.startsWith(ENTRY)) return false;
        const index = Number(place.slice(ENTRY.length));
        const isBefore = index <= after && after !== FIRST_INDEX;
        return !isBefore && !(until !== undefined && index > until);
      },
    };
  }

  /** Where the slice of rows begins: at the first one, unless the position is one within a pass. */
  async #begin(
    transaction: Transaction,
    { after, done, total }: PartPosition,
  ): Promise<{ readonly after: string; readonly done: number; readonly total: number }> {
    const isWithin = typeof after === 'string' && isCanonicalGuid(after) && after !== FIRST_ID;
    const isCounted = [done, total].every(
      (count) => Number.isSafeInteger(count) && Number(count) >= 0,
    );
    if (isWithin && isCounted) return { after, done: Number(done), total: Number(total) };
    const [row] = await transaction.query<{ rows: string }[]>(
      `SELECT count(*) AS rows FROM ${this.table.table}`,
    );
    return { after: FIRST_ID, done: 0, total: Number(row?.rows) };
  }

  #toFinding({ kind, row, entry, detail }: RowDifference, place: string): Finding {
    const recorded = entry === undefined ? '' : ` (entry ${entry})`;
    return {
      ...{ place, kind },
      detail: `${this.table.noun} ${row}: ${detail}${recorded}`,
      ...(kind === 'column-differs' && { cause: `${kind}: ${detail}` }),
    };
  }
}
