import {
  columnsDiffer,
  entriesOfActions,
  isRecordedDetail,
  isRecordedText,
  type RetainedEntries,
  type RecordedEntry,
  type RecordedTable,
  type RowDifference,
  type SliceRange,
} from '#libs/audit';
import { isCanonicalGuid, type Transaction } from '#libs/platform';
import { identitiesLeftOut } from './left-out-identities.js';
import {
  candidatesOf,
  revocationsById,
  revocationsOf,
  type StoredRevocation,
} from './revocation-rows.js';

const START = 'revocation.start';
const END = 'revocation.end';

/** The mass revocations, and whether each has reached the identities that its entry names. */
export class RevocationTable implements RecordedTable {
  readonly name = 'revocations';
  readonly noun = 'mass revocation';
  readonly table = 'revocation';
  readonly reads = ['revocation', 'revocation_target', 'mapping'];
  readonly actions = [START, END];

  async compareRows(
    transaction: Transaction,
    range: SliceRange<string>,
    retained: RetainedEntries,
  ): Promise<readonly RowDifference[]> {
    const candidates = await candidatesOf(transaction, range);
    const rows = await revocationsOf(transaction, range);
    return rows.flatMap((row) => compareRow(row, candidates.get(row.id) ?? [], retained));
  }

  async compareEntries(
    transaction: Transaction,
    range: SliceRange<number>,
    retained: RetainedEntries,
  ): Promise<readonly RowDifference[]> {
    const entries = await entriesOfActions(transaction, this.actions, range);
    const before = await startBefore(transaction, range.after);
    const ids = [...before, ...entries].map(revocationOf).filter(isCanonicalGuid);
    const rows = await revocationsById(transaction, ids);
    const differences: RowDifference[] = [];
    // The number of the one that started before; unknown behind retired entries, and behind a missing row.
    const [previous] = before;
    let last = previous ? rows.get(revocationOf(previous))?.number : numberBefore(retained);
    for (const one of entries) {
      const id = revocationOf(one);
      if (one.entry === undefined || (one.action === START && one.outcome !== 'success')) continue;
      const row = rows.get(id);
      const differ = (kind: RowDifference['kind'], detail: string): void => {
        differences.push({ kind, row: id, entry: one.index, detail });
      };
      if (!row) differ('row-missing', `no row has this id of ${one.action}`);
      if (one.action === END) {
        if (row?.finishedMs === null) differ('column-differs', 'finished_at');
        continue;
      }
      if (row && last !== undefined && row.number !== last + 1) differ('column-differs', 'number');
      last = row?.number;
      if (row) differences.push(...(await identitiesLeftOut(transaction, row, one)));
    }
    return differences;
  }
}

function compareRow(
  row: StoredRevocation,
  candidates: readonly RecordedEntry[],
  retained: RetainedEntries,
): readonly RowDifference[] {
  const entryOf = (action: string): RecordedEntry | undefined =>
    candidates.find((one) => one.action === action && revocationOf(one) === row.id);
  // Which row an entry is about whose bytes were edited is not known.
  const isUnknown = (action: string): boolean =>
    candidates.some((one) => one.action === action && !one.entry);
  const start = entryOf(START);
  if (!start) {
    if (Number(row.startedMs) < retained.sinceMs || isUnknown(START)) return [];
    const detail = 'the log has no entry that started it then';
    return [{ kind: 'row-unrecorded', row: row.id, detail }];
  }
  const columns = differingColumns(row, start);
  const isEndRight = row.finishedMs === null || entryOf(END) !== undefined || isUnknown(END);
  return columnsDiffer(row.id, [...columns, ...(isEndRight ? [] : ['finished_at'])], start);
}

function differingColumns(row: StoredRevocation, { entry }: RecordedEntry): readonly string[] {
  const { details, target, reason } = entry ?? {};
  const issuedBefore =
    row.issuedBeforeMs === null ? null : new Date(Number(row.issuedBeforeMs)).toISOString();
  const columns: readonly (readonly [name: string, value: string | null, member: unknown])[] = [
    ['reason', row.reason, reason?.detail],
    ...(details?.cut === undefined
      ? ([
          ['client_app', row.clientApp, details?.clientApp],
          ['kind', row.kind, details?.kind],
          ['resource', row.resource, details?.resource],
          ['issued_before', issuedBefore, details?.issuedBefore],
          ['invitation', row.invitation, details?.invitation],
        ] as const)
      : []),
  ];
  const differing = columns.filter(([, value, member]) =>
    value === null ? member !== undefined : !isRecordedDetail(value, member),
  );
  const isTenantRight =
    row.tenant === null
      ? target?.tenant === undefined
      : isRecordedText(row.tenant, target?.tenant ?? '');
  return [...(isTenantRight ? [] : ['tenant']), ...differing.map(([name]) => name)];
}

/** The id of the mass revocation that an entry is about. */
function revocationOf({ entry }: RecordedEntry): string {
  return String(entry?.details?.revocation ?? '');
}

function numberBefore({ sinceMs }: RetainedEntries): number | undefined {
  return sinceMs === -Infinity ? 0 : undefined;
}

async function startBefore(
  transaction: Transaction,
  index: number,
): Promise<readonly RecordedEntry[]> {
  const [row] = await transaction.query<{ index: string }[]>(
    `SELECT entry_index AS index FROM audit_entry
     WHERE action = '${START}' AND outcome = 'success' AND entry_index <= $1
     ORDER BY entry_index DESC LIMIT 1`,
    [index],
  );
  if (!row) return [];
  const until = Number(row.index);
  return entriesOfActions(transaction, [START], { after: until - 1, until });
}
