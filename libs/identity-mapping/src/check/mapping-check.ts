import {
  DatabaseVerifier,
  oldestRetainedAt,
  retiredBelowIn,
  type VerifyReport,
  type VerifyRequest,
} from '#libs/audit';
import { type Database, sqlState, TimeSlices, type Transaction, uuidV7Time } from '#libs/platform';
import {
  DUPLICATES,
  type DuplicateRow,
  ENTRIES,
  type IdRange,
  ROWS,
  rowsOf,
  SLICE_END,
  type StoredMappingEntry,
} from './check-statements.js';
import { checkOrphans } from './orphan-check.js';
import { MappingHistory } from './mapping-history.js';
import { toMappingEntry, undecodableEntries } from './stored-entry.js';
import { RevocationStarts } from './revocation-check.js';
import {
  RowComparison,
  type StoredMapping,
  TIME_TOLERANCE_MS,
  type UncheckedColumns,
} from './row-comparison.js';

/** The class of SQLSTATE of bytes that are no UTF-8 or no JSON. */
const DATA_EXCEPTION = '22';

/** What a check found to differ. */
export interface MappingDifference {
  /**
   * - `column-differs`: a column of the row is not as the entry recorded it
   * - `row-missing`: the log has the mapping, the table has no row
   * - `row-unrecorded`: the row is not pending, and the log has no entry about it
   * - `row-added`: another row has the same id
   * - `entry-contradicts`: the entry says of the mapping what the entries before it exclude, so that the row
   *   was another one at that time
   * - `orphan-differs`: a row of `mapping_orphan` is not as its entries recorded it, or only one of them exists
   * - `person-mapped-twice`: several rows that are not deleted are of one person and resource
   * - `identity-mapped-twice`: several rows have one communication identity
   */
  readonly kind:
    | 'column-differs'
    | 'row-missing'
    | 'row-unrecorded'
    | 'row-added'
    | 'entry-contradicts'
    | 'orphan-differs'
    | ReturnType<typeof DUPLICATES>[number]['kind'];
  /** Id of the row. */
  readonly mapping: string;
  /** Index of the entry; absent when the log has none. */
  readonly entry?: number;
  /** What differs, without its value. */
  readonly detail: string;
}

/** What could not be compared. */
export interface UncheckedMapping extends UncheckedColumns {
  readonly mapping: string;
}

export interface MappingCheckRequest extends Omit<VerifyRequest, 'since'> {
  /** How many differences and unchecked mappings the report lists. Default: 1,000. All are counted. */
  readonly listLimit?: number;
  readonly onMappings?: (checked: number, total: number) => void;
}

/** The result of a check. Each row is in exactly one of the counts. */
export interface MappingCheckReport {
  /** With faults, the mappings were not compared: a log that is not whole proves nothing. */
  readonly log: VerifyReport;
  readonly rows: number;
  /** Rows that agree with the log in every column. */
  readonly agreeing: number;
  /** Rows without a communication identity, which the log records together with the identity. */
  readonly pending: number;
  readonly differing: number;
  /** Rows that could not be compared, or not in every column. */
  readonly unchecked: number;
  /** Mappings of the log without a row. */
  readonly missing: number;
  readonly differenceCount: number;
  readonly differences: readonly MappingDifference[];
  readonly uncheckedCount: number;
  readonly uncheckedMappings: readonly UncheckedMapping[];
}

/**
 * Compares every mapping with the audit log, in both directions and in one snapshot, so that mappings may be
 * created and changed meanwhile. The log is verified first. Both sides are read in the order of ids, in
 * constant memory.
 */
export class MappingCheck {
  readonly #database: Database;
  readonly #verifier: DatabaseVerifier;

  /** @param database of a role that may read the audit tables and `mapping`; nothing is written */
  constructor(database: Database) {
    this.#database = database;
    this.#verifier = new DatabaseVerifier(database);
  }

  async run(request: MappingCheckRequest): Promise<MappingCheckReport> {
    return this.#database.transaction(async (transaction) => {
      await transaction.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      return this.runIn(transaction, request);
    });
  }

  /** As `run`, in a transaction of the caller. */
  async runIn(transaction: Transaction, request: MappingCheckRequest): Promise<MappingCheckReport> {
    const log = await this.#verifier.verifyIn(transaction, request);
    const comparison = new TableComparison(transaction, request, log);
    return log.faults.length > 0 ? comparison.report() : comparison.compare();
  }

  /**
   * Where the slice ends that follows an id.
   *
   * @param after the last id of the slice before; `FIRST_ID` for the first one
   */
  async sliceAfter(
    transaction: Transaction,
    after: string,
    maxRows: number,
  ): Promise<MappingSlice> {
    const [last] = await transaction.query<{ id: string }[]>(SLICE_END, [after, maxRows - 1]);
    return last ? { lastId: last.id, rows: maxRows } : { lastId: undefined, rows: 0 };
  }

  /**
   * Compares the mappings of a slice with a log that is verified elsewhere.
   *
   * @param lastId of the slice; absent for the last one
   */
  async runSlice(
    transaction: Transaction,
    after: string,
    lastId: string | undefined,
  ): Promise<readonly MappingDifference[]> {
    const range = lastId === undefined ? { after } : { after, until: lastId };
    const query = async <Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> =>
      transaction.query<Row[]>(sql, [...parameters]);
    const log = { retiredBelow: await retiredBelowIn(query) };
    const compare = async (inner: Transaction, undecodable: readonly string[] = []) =>
      (await new TableComparison(inner, {}, log, range, undecodable).compare()).differences;
    try {
      // Within a savepoint, because a failed statement ends its transaction.
      return await transaction.transaction(async (inner) => compare(inner));
    } catch (error) {
      if (sqlState(error)?.startsWith(DATA_EXCEPTION) !== true) throw error;
      return await compare(transaction, await undecodableEntries(transaction, range));
    }
  }
}

/** All ids follow it. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** A slice of the mappings, in the order of their ids. */
export interface MappingSlice {
  /** Where the next slice begins; absent when there is none. */
  readonly lastId: string | undefined;
  /** How many mappings it has; 0 for the last one. */
  readonly rows: number;
}

/** A report whose log may have been verified elsewhere. */
type ComparedMappings<Log> = Omit<MappingCheckReport, 'log'> & { readonly log: Log };

class TableComparison<Log extends Pick<VerifyReport, 'retiredBelow'>> {
  readonly #slices = new TimeSlices();
  readonly #counts = {
    rows: 0,
    agreeing: 0,
    pending: 0,
    differing: 0,
    unchecked: 0,
    missing: 0,
    differenceCount: 0,
    uncheckedCount: 0,
  };
  readonly #differences: MappingDifference[] = [];
  readonly #unchecked: UncheckedMapping[] = [];
  readonly #limit: number;
  /** Mappings that were created before it may have retired entries. */
  #oldestMs = -Infinity;
  #starts = new RevocationStarts([], 0);

  constructor(
    private readonly transaction: Transaction,
    private readonly request: Pick<MappingCheckRequest, 'listLimit' | 'onMappings'>,
    private readonly log: Log,
    private readonly range?: IdRange,
    private readonly undecodable: readonly string[] = [],
  ) {
    this.#limit = request.listLimit ?? 1_000;
  }

  async compare(): Promise<ComparedMappings<Log>> {
    // The cursors are read to their end: the plan with one sort is better than one with many lookups.
    await this.transaction.query('SET LOCAL cursor_tuple_fraction = 1');
    if (this.log.retiredBelow > 0) this.#oldestMs = await this.#oldestEntryMs();
    this.#starts = await RevocationStarts.read(this.transaction, this.log.retiredBelow > 0);
    const total = this.range ? 0 : await this.#count();
    const histories = this.#histories();
    let { value: history } = await histories.next();
    let previousId: string | undefined;
    for await (const row of rowsOf<StoredMapping>(
      this.transaction,
      'mapping_rows',
      ROWS(this.range),
    )) {
      if (this.#slices.isOver) await this.#slices.next();
      for (; history && history.id < row.id; { value: history } = await histories.next()) {
        if (history.id !== previousId) this.#addMissing(history);
      }
      if (row.id === previousId) this.#addSecond(row);
      else this.#compare(row, history?.id === row.id ? history : this.#history(row.id));
      previousId = row.id;
      this.#counts.rows += 1;
      this.request.onMappings?.(this.#counts.rows, total);
    }
    for (; history; { value: history } = await histories.next()) {
      if (history.id !== previousId) this.#addMissing(history);
    }
    await this.#findDuplicates();
    if (!this.range) for (const one of await checkOrphans(this.transaction)) this.#differ(one);
    return this.report();
  }

  report(): ComparedMappings<Log> {
    return {
      log: this.log,
      ...this.#counts,
      differences: this.#differences,
      uncheckedMappings: this.#unchecked,
    };
  }

  /** What the log says of each mapping, in the order of their ids. */
  async *#histories(): AsyncGenerator<MappingHistory, undefined> {
    let history: MappingHistory | undefined;
    for await (const row of rowsOf<StoredMappingEntry>(
      this.transaction,
      'mapping_entries',
      ENTRIES(this.range, this.undecodable),
    )) {
      if (this.#slices.isOver) await this.#slices.next();
      if (row.identityId !== history?.id) {
        if (history) yield history;
        history = this.#history(row.identityId);
      }
      history.add(toMappingEntry(row));
    }
    if (history) yield history;
    return undefined;
  }

  #history(id: string): MappingHistory {
    const mayBeRetired = (uuidV7Time(id) ?? -Infinity) < this.#oldestMs;
    return new MappingHistory(id, mayBeRetired, ({ index }, detail) => {
      this.#differ({ kind: 'entry-contradicts', mapping: id, entry: index, detail });
    });
  }

  #compare(row: StoredMapping, history: MappingHistory): void {
    if (!history.first && row.status !== 'pending') {
      this.#addUnrecorded(row, history);
      return;
    }
    const { differences, unchecked } = new RowComparison(row, history, this.#starts);
    for (const { entry, detail } of differences) {
      this.#differ({
        kind: 'column-differs',
        mapping: row.id,
        ...(entry !== undefined && { entry }),
        detail,
      });
    }
    // Of a pending mapping without entries, there is nothing that retired entries could have recorded.
    const isPending = row.status === 'pending';
    if (differences.length + history.contradictions > 0) this.#counts.differing += 1;
    else if (unchecked.length > 0 && history.first) this.#counts.unchecked += 1;
    else if (isPending) this.#counts.pending += 1;
    else this.#counts.agreeing += 1;
    if (history.first) for (const columns of unchecked) this.#skip(row.id, columns);
  }

  #addUnrecorded(row: StoredMapping, history: MappingHistory): void {
    if (history.mayBeRetired) {
      this.#counts.unchecked += 1;
      this.#skip(row.id, { columns: ['all'], reason: 'retired' });
      return;
    }
    this.#counts.differing += 1;
    const detail = 'the log has no entry about it';
    this.#differ({ kind: 'row-unrecorded', mapping: row.id, detail });
  }

  #addSecond({ id }: StoredMapping): void {
    this.#counts.differing += 1;
    this.#differ({ kind: 'row-added', mapping: id, detail: 'another row has the same id' });
  }

  #addMissing({ id, first }: MappingHistory): void {
    this.#counts.missing += 1;
    const detail = `no row has this id of ${first?.action ?? 'an entry'}`;
    this.#differ({
      kind: 'row-missing',
      mapping: id,
      ...(first && { entry: first.index }),
      detail,
    });
  }

  async #findDuplicates(): Promise<void> {
    for (const { kind, sql } of DUPLICATES(this.range)) {
      const groups = await this.transaction.query<DuplicateRow[]>(sql, [this.#limit]);
      for (const { ids, rows } of groups) {
        const [mapping = '', ...others] = ids;
        const rest = Number(rows) > ids.length ? ` and ${Number(rows) - ids.length} more` : '';
        this.#differ({ kind, mapping, detail: `also ${others.join(', ')}${rest}` });
      }
      this.#counts.differenceCount += Number(groups[0]?.groups ?? 0) - groups.length;
    }
  }

  #differ(difference: MappingDifference): void {
    this.#counts.differenceCount += 1;
    if (this.#differences.length < this.#limit) this.#differences.push(difference);
  }

  #skip(mapping: string, columns: UncheckedColumns): void {
    this.#counts.uncheckedCount += 1;
    if (this.#unchecked.length < this.#limit) this.#unchecked.push({ mapping, ...columns });
  }

  async #count(): Promise<number> {
    const [row] = await this.transaction.query<{ rows: string }[]>(
      'SELECT count(*) AS rows FROM mapping',
    );
    return Number(row?.rows ?? 0);
  }

  async #oldestEntryMs(): Promise<number> {
    const query = async <Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> =>
      this.transaction.query<Row[]>(sql, [...parameters]);
    const oldest = await oldestRetainedAt(query, this.log.retiredBelow);
    return Number(oldest ?? Infinity) + TIME_TOLERANCE_MS;
  }
}
