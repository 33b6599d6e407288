import {
  type AuditEntry,
  columnsDiffer,
  CREATED_AHEAD_MS,
  isRecordedDetail,
  isRecordedText,
  type RetainedEntries,
  type RecordedEntry,
  type RowDifference,
  TIME_TOLERANCE_MS,
} from '#libs/audit';
import { isCanonicalGuid } from '#libs/platform';
import type { AssignmentStatus } from '../assignment.js';

/** A row of `teams_phone_assignment`. Times are milliseconds since 1970. */
export interface StoredAssignment {
  readonly id: string;
  readonly resource: string;
  readonly tenant: string;
  readonly objectId: string;
  readonly principalType: string;
  readonly clientIds: readonly string[];
  readonly status: string;
  readonly version: number;
  /** Number of the newest mass revocation that has renewed it. */
  readonly renewedThrough: number;
  readonly createdMs: string;
}

/** Compares an assignment with what the log records of it. */
export class AssignmentComparison {
  readonly #own: readonly RecordedEntry[];
  readonly #ofVersion: readonly RecordedEntry[];

  /**
   * @param entries about the principal, in their order
   * @param revocations the starts of recent mass revocations, in their order
   * @param marking the numbers, by their ids, of those that have not reached all rows yet
   */
  constructor(
    private readonly row: StoredAssignment,
    private readonly entries: readonly RecordedEntry[],
    private readonly revocations: readonly RecordedEntry[],
    private readonly marking: ReadonlyMap<string, number>,
    private readonly retained: RetainedEntries,
  ) {
    this.#own = entries.filter(({ entry }) => entry?.details?.assignment === row.id);
    this.#ofVersion = this.#own.filter(({ entry }) => entry?.details?.version === row.version);
  }

  differences(): readonly RowDifference[] {
    const { row } = this;
    // What an entry is about whose bytes were edited is not known, nor what retired ones recorded.
    const isWhole =
      Number(row.createdMs) >= this.retained.sinceMs && this.entries.every(({ entry }) => entry);
    if (this.#own.length === 0) {
      const detail = 'the log has no entry about it and its principal';
      return isWhole ? [{ kind: 'row-unrecorded', row: row.id, detail }] : [];
    }
    const columns = [...this.#names(), ...this.#content(), ...(isWhole ? this.#state() : [])];
    return columnsDiffer(row.id, [...new Set(columns)], this.#own.at(-1));
  }

  #names(): readonly string[] {
    const { row } = this;
    const target = this.#own.at(-1)?.entry?.target;
    const names = { tenant: row.tenant, subject: row.objectId, resource: row.resource } as const;
    const differing = Object.entries(names).filter(
      ([name, value]) => !isRecordedText(value, target?.[name as keyof typeof names] ?? ''),
    );
    const isNew = Math.abs(Number(row.createdMs) - (this.#own[0]?.recordedAtMs ?? 0));
    const isRetired = Number(row.createdMs) < this.retained.sinceMs;
    return [
      ...differing.map(([name]) => (name === 'subject' ? 'object_id' : name)),
      ...(isRetired || isNew <= TIME_TOLERANCE_MS ? [] : ['created_at']),
    ];
  }

  /** As the last entry has it that names what the principal gets. */
  #content(): readonly string[] {
    const last = this.#own.findLast(({ entry, action }) => {
      const { stage, principalType } = entry?.details ?? {};
      return (
        stage === 'refused' || (action === 'teams-phone.assign' && principalType !== undefined)
      );
    });
    const { principalType, clientIds } = last?.entry?.details ?? {};
    // Refusals of earlier releases don't name what ACS has instead.
    if (principalType === undefined) return [];
    return [
      ...(this.row.principalType === principalType ? [] : ['principal_type']),
      ...(isRecordedDetail(this.row.clientIds, clientIds) ? [] : ['client_ids']),
    ];
  }

  #state(): readonly string[] {
    const { row } = this;
    const newest = Math.max(...this.#own.map(({ entry }) => Number(entry?.details?.version)));
    if (row.version < newest || this.#isRenewalUndone()) return ['version'];
    return this.#possibleStatuses().includes(row.status as AssignmentStatus) ? [] : ['status'];
  }

  /** The statuses of the row's version. One that no entry requested is a renewal: it is recorded with a revocation. */
  #possibleStatuses(): readonly AssignmentStatus[] {
    let possible: readonly AssignmentStatus[] = ['renewing'];
    for (const { action, entry } of this.#ofVersion) {
      const isAssignment = action === 'teams-phone.assign';
      const isRenewal = entry?.reason?.code === 'token-revocation';
      const stage = entry?.details?.stage;
      if (stage === 'requested') possible = isAssignment ? ['pending', 'renewing'] : ['deleting'];
      else if (stage === 'refused') possible = refusedStatuses(entry?.details?.status);
      // The holder of a lost lease records what ACS has confirmed without a change of the row.
      else if (stage === 'confirmed' && isAssignment) possible = ['active', 'pending'];
      else if (stage === 'confirmed')
        possible = isRenewal ? ['pending', 'renewing'] : ['deleted', 'deleting'];
    }
    return possible;
  }

  /** Whether a revocation made a later version than the row's, under which no token is valid that was before. */
  #isRenewalUndone(): boolean {
    const last = this.#ofVersion.at(-1);
    const isEnding = this.#possibleStatuses().some(
      (one) => one === 'deleting' || one === 'deleted',
    );
    if (!last || isEnding) return false;
    return (
      this.entries.some((one) => one.index > last.index && this.#isRevocationOfPerson(one)) ||
      this.revocations.some(
        (one) => one.index > last.index && isConcerned(this.row, one.entry) && !this.#isToCome(one),
      )
    );
  }

  /** Whether the mass revocation has begun and has not reached the row: the row counts as `renewing` already. */
  #isToCome({ entry }: RecordedEntry): boolean {
    const number = this.marking.get(String(entry?.details?.revocation));
    return number !== undefined && number > this.row.renewedThrough;
  }

  #isRevocationOfPerson({ action, outcome, entry }: RecordedEntry): boolean {
    return (
      (action === 'token.revoke' || action === 'identity.delete') &&
      outcome === 'success' &&
      entry?.details?.stage === 'requested' &&
      entry.target?.tenant === this.row.tenant
    );
  }
}

/**
 * Whether the mass revocation of an entry concerns the assignment, as `isConcerned` of revocation-statements.ts has it
 * in SQL. One of an invitation or of another kind than people concerns none.
 */
export function isConcerned(
  row: StoredAssignment,
  entry: Pick<AuditEntry, 'details' | 'target'> | undefined,
): boolean {
  const { details, target } = entry ?? {};
  if (!details || details.cut !== undefined || details.invitation !== undefined) return false;
  const { kind, resource, clientApp, issuedBefore } = details;
  return (
    (target?.tenant === undefined || target.tenant === row.tenant) &&
    (kind === undefined || kind === 'user') &&
    (resource === undefined || resource === row.resource) &&
    (clientApp === undefined || mayHaveTokensOf(row, String(clientApp))) &&
    (issuedBefore === undefined ||
      Number(row.createdMs) < Date.parse(String(issuedBefore)) + CREATED_AHEAD_MS)
  );
}

function mayHaveTokensOf({ clientIds, status }: StoredAssignment, clientApp: string): boolean {
  const isForAny = clientIds.length === 0 || status === 'renewing';
  return isCanonicalGuid(clientApp) && (isForAny || clientIds.includes(clientApp));
}

/** Refusals of earlier releases don't say which. */
function refusedStatuses(recorded: unknown): readonly AssignmentStatus[] {
  return (['active', 'deleted'] as const).filter(
    (one) => recorded === undefined || one === recorded,
  );
}
