import { CREATED_AHEAD_MS, isRecordedName, isRecordedText } from '#libs/audit';
import { uuidV7Time } from '#libs/platform';
import type { RevocationStarts } from './revocation-check.js';
import type {
  MappingHistory,
  Recorded,
  RecordedColumn,
  RecordedColumns,
  UncheckedReason,
} from './mapping-history.js';

/** A row of the table, also one that breaks its constraints. Times are milliseconds since 1970. */
export interface StoredMapping {
  readonly id: string;
  readonly resource: string;
  readonly tenant: string;
  readonly subject: string;
  readonly kind: string;
  readonly status: string;
  readonly communication_user_id: string | null;
  readonly display_name: string | null;
  readonly version: number;
  readonly token_generation: number;
  readonly is_revoking: boolean;
  readonly is_leased: boolean;
  readonly revoked_through: number;
  readonly tokens_since_ms: string | null;
  readonly created_ms: string;
  readonly updated_ms: string;
  readonly deleted_ms: string | null;
}

/** A column that differs, with the entry that recorded it. */
export interface ColumnDifference {
  readonly entry: number | undefined;
  readonly detail: string;
}

/** Columns that could not be compared. */
export interface UncheckedColumns {
  readonly columns: readonly string[];
  readonly reason: UncheckedReason;
}

/**
 * How far a time in a row and that of its entry may differ: two clocks that are each at most
 * AUDIT_CLOCK_TOLERANCE_MS from the database's, and the longest AUDIT_TIMEOUT_MS.
 */
export const TIME_TOLERANCE_MS = 180_000;

/** Compares a row with what the log records of it. */
export class RowComparison {
  readonly differences: ColumnDifference[] = [];
  readonly #unchecked = new Map<UncheckedReason, string[]>();

  constructor(
    private readonly row: StoredMapping,
    private readonly history: MappingHistory,
    private readonly starts: RevocationStarts,
  ) {
    for (const column of ['resource', 'tenant', 'subject', 'kind'] as const) {
      this.#compare(column, (recorded) => isRecordedText(row[column], recorded));
    }
    for (const column of [
      'status',
      'communication_user_id',
      'token_generation',
      'is_revoking',
    ] as const) {
      this.#compare(column, (recorded) => row[column] === recorded);
    }
    this.#compare('version', ([min, max]) => row.version >= min && row.version <= max);
    this.#compareName();
    this.#compareTimes();
    this.#compareLease();
    this.#compareRevokedThrough();
    this.#compareTokensSince();
  }

  get unchecked(): readonly UncheckedColumns[] {
    return [...this.#unchecked].map(([reason, columns]) => ({ columns, reason }));
  }

  #compare<C extends RecordedColumn>(
    column: C,
    isEqual: (recorded: RecordedColumns[C]) => boolean,
  ): void {
    const recorded = this.history.recorded(column);
    // Before its first entry a pending mapping has only its names, which nothing records.
    if (!recorded && this.history.first === undefined && !this.history.mayBeRetired) return;
    if (!recorded) this.#skip(column, this.history.reasonOf(column));
    else if (!isEqual(recorded.value)) this.#differ(column, recorded);
  }

  #compareName(): void {
    const { display_name: name } = this.row;
    const recorded = this.history.recorded('display_name')?.value;
    if (recorded?.nameSalts === null && name !== null) {
      this.#skip('display_name', 'erased');
      return;
    }
    this.#compare('display_name', (value) =>
      value === null || name === null
        ? value === name
        : isRecordedName(name, value.hash, value.nameSalts ?? Buffer.of()),
    );
  }

  #compareTimes(): void {
    this.#compareCreation();
    this.#compareUpdate();
    const status = this.history.recorded('status');
    if (!status) {
      this.#skip('deleted_at', this.history.reasonOf('status'));
      return;
    }
    const { deleted_ms: deleted } = this.row;
    const recordedAtMs = status.value === 'deleted' ? status.entry?.recordedAtMs : undefined;
    const isRight =
      recordedAtMs === undefined
        ? deleted === null
        : deleted !== null && isClose(Number(deleted), recordedAtMs);
    if (!isRight) this.#differ('deleted_at', status);
  }

  #compareCreation(): void {
    const { first } = this.history;
    const created = Number(this.row.created_ms);
    const idMs = uuidV7Time(this.row.id);
    if (idMs === undefined) {
      this.#skip('created_at', 'not-recorded');
      return;
    }
    // The id's time is later where the clock was set back, or very many ids were made at once.
    const isBeforeId = created < idMs;
    // Earlier releases had PostgreSQL write it, in microseconds. So little exempts from no mass revocation.
    const isOfPostgres = !Number.isInteger(created) && created - idMs < CREATED_AHEAD_MS;
    const isPossible =
      (isBeforeId || isOfPostgres) && (!first || isClose(created, first.recordedAtMs));
    if (created !== idMs && !isPossible) this.#differ('created_at', { entry: first });
  }

  #compareUpdate(): void {
    const { row, history } = this;
    // The claims of a pending mapping are not recorded.
    if (history.recorded('status')?.value === 'pending') return;
    const { lastChange } = history;
    if (!lastChange) {
      if (history.mayBeRetired) this.#skip('updated_at', 'retired');
      return;
    }
    const { recordedAtMs, action } = lastChange;
    const updated = Number(row.updated_ms);
    // Recovery may record a creation much later than its row says.
    const isDelayed =
      action === 'identity.create' && updated >= Number(row.created_ms) && updated < recordedAtMs;
    if (!isClose(updated, recordedAtMs) && !isDelayed) {
      this.#differ('updated_at', { entry: lastChange });
    }
  }

  /** A lease is no part of the state, but only unfinished work may have one. */
  #compareLease(): void {
    const { row, history } = this;
    const status = history.recorded('status');
    const isRevoking = history.recorded('is_revoking');
    if (!status || !isRevoking) return;
    const isOwed = isRevoking.value || ['pending', 'deleting'].includes(status.value);
    if (row.is_leased && !isOwed) this.#differ('lease_expires_at', status);
  }

  /** One that is too high exempts the mapping from mass revocations. */
  #compareRevokedThrough(): void {
    const { revoked_through: number } = this.row;
    const raise = this.history.lastRaise;
    const status = this.history.recorded('status')?.value;
    // The claims of a pending mapping are not recorded.
    const isKnown = raise !== undefined && status !== 'pending';
    const highest = isKnown ? this.starts.numberBefore(raise.entry.index) : this.starts.newest;
    const isExact = isKnown && raise.isExact && Number.isFinite(highest);
    const isRight = isExact ? number === highest : number >= 0 && number <= highest;
    if (!isRight) this.#differ('revoked_through', { entry: raise?.entry });
  }

  /** NULL is as old as the mapping, and so exempts from nothing: also that of a change before this column. */
  #compareTokensSince(): void {
    const { tokens_since_ms: since } = this.row;
    if (since === null) return;
    const { lastGeneration } = this.history;
    if (!this.history.recorded('token_generation')) {
      this.#skip('tokens_since', this.history.reasonOf('token_generation'));
      return;
    }
    if (!lastGeneration || !isClose(Number(since), lastGeneration.recordedAtMs)) {
      this.#differ('tokens_since', { entry: lastGeneration });
    }
  }

  #differ(column: string, { entry }: Pick<Recorded<unknown>, 'entry'>): void {
    this.differences.push({ entry: entry?.index, detail: column });
  }

  #skip(column: string, reason: UncheckedReason): void {
    const columns = this.#unchecked.get(reason);
    if (columns) columns.push(column);
    else this.#unchecked.set(reason, [column]);
  }
}

function isClose(oneMs: number, otherMs: number): boolean {
  return Math.abs(oneMs - otherMs) <= TIME_TOLERANCE_MS;
}
