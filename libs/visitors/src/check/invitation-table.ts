import {
  columnsDiffer,
  entriesByRow,
  entriesOfActions,
  isRecordedDetail,
  isRecordedText,
  type RetainedEntries,
  RECORDED_ENTRY,
  type RecordedEntry,
  recordedNear,
  type RecordedTable,
  type RowDifference,
  type SliceRange,
} from '#libs/audit';
import { isCanonicalGuid, type Transaction } from '#libs/platform';
import { RETENTION_DAYS } from '../store/invitation-store.js';

/** A row of `invitation`, with what the log and its visitors say of its uses. Times are milliseconds since 1970. */
interface StoredInvitation {
  readonly id: string;
  readonly tenant: string;
  readonly meeting: string;
  readonly scopes: readonly string[];
  readonly maxUses: number;
  readonly uses: number;
  readonly createdMs: string;
  readonly expiresMs: string;
  readonly endedMs: string | null;
  /** Visitors whose use is not final. */
  readonly reserved: number;
  /** Tokens of visitors in the log, of which one more than `uses` are counted at most. */
  readonly tokens: number;
  /** Visitors with an identity that nothing deletes when it is over. */
  readonly kept: number;
}

/** The longest life of a token, and of an identity after it in any configuration, and an hour for late work. */
const LONGEST_VISIT = `interval '8 days 1 hour'`;

/** A uuid in text: anything else can't be the id of a visitor. */
const UUID = `'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'`;

const ROWS = `
  SELECT i.id, i.tenant, i.meeting, i.scopes, i.max_uses AS "maxUses", i.uses,
    extract(epoch FROM i.created_at) * 1000 AS "createdMs",
    extract(epoch FROM i.expires_at) * 1000 AS "expiresMs",
    extract(epoch FROM i.ended_at) * 1000 AS "endedMs",
    (SELECT count(*)::integer FROM visitor v
     WHERE v.invitation_id = i.id AND v.status = 'reserved') AS reserved,
    issued.tokens, issued.kept
  FROM invitation i, LATERAL (
    SELECT count(*)::integer AS tokens, count(*) FILTER (WHERE is_kept)::integer AS kept
    FROM (
      SELECT EXISTS (
          SELECT FROM mapping WHERE mapping.tenant = i.tenant AND mapping.subject = token.target_subject
            AND mapping.status <> 'deleted' AND mapping.status <> 'deleting')
        AND NOT EXISTS (
          SELECT FROM visitor
          WHERE id = CASE WHEN token.target_subject ~ ${UUID} THEN token.target_subject::uuid END
            AND due_at < now() + ${LONGEST_VISIT}) AS is_kept
      FROM audit_entry AS token
      WHERE token.actor_subject = i.id::text AND token.target_subject IS NOT NULL
        AND token.action = 'token.issue' AND token.outcome = 'success'
      LIMIT i.uses + 1) AS one) AS issued
  WHERE i.id > $1 AND ($2::uuid IS NULL OR i.id <= $2) ORDER BY i.id`;

/** The entries about the rows; those of the mass revocations that may have ended them have no such column. */
const ENTRIES = `
  SELECT i.id, ${RECORDED_ENTRY} FROM invitation i, LATERAL (
    SELECT * FROM audit_entry e
    WHERE e.target_subject = i.id::text AND e.action IN ('invitation.create', 'invitation.end')
    UNION ALL
    SELECT * FROM audit_entry e
    WHERE e.action = 'revocation.start' AND ${recordedNear('i.ended_at')}) AS e
  WHERE i.id > $1 AND ($2::uuid IS NULL OR i.id <= $2) AND e.outcome = 'success'
  ORDER BY i.id, e.entry_index`;

/** Rows of which nothing is left to do are deleted then, after their expiry. */
const RETENTION_MS = RETENTION_DAYS * 86_400_000;

/** The invitations, and how many visitors each has let in. */
export class InvitationTable implements RecordedTable {
  readonly name = 'invitations';
  readonly noun = 'invitation';
  readonly table = 'invitation';
  readonly reads = ['invitation', 'visitor', 'mapping'];
  readonly actions = ['invitation.create', 'invitation.end', 'revocation.start'];

  async compareRows(
    transaction: Transaction,
    range: SliceRange<string>,
    retained: RetainedEntries,
  ): Promise<readonly RowDifference[]> {
    const rows = await transaction.query<StoredInvitation[]>(ROWS, [range.after, range.until]);
    const entries = await entriesByRow(transaction, ENTRIES, range);
    return rows.flatMap((row) => compareRow(row, entries.get(row.id) ?? [], retained));
  }

  async compareEntries(
    transaction: Transaction,
    range: SliceRange<number>,
  ): Promise<readonly RowDifference[]> {
    const entries = await entriesOfActions(transaction, this.actions, range);
    const about = entries.flatMap((one) => {
      const id = one.outcome === 'success' ? invitationOf(one) : undefined;
      return id === undefined || !isCanonicalGuid(id) ? [] : [{ ...one, id }];
    });
    const rows = await transaction.query<{ id: string; isEnded: boolean }[]>(
      `SELECT id, ended_at IS NOT NULL AS "isEnded" FROM invitation WHERE id = ANY ($1)`,
      [about.map(({ id }) => id)],
    );
    const [time] = await transaction.query<{ nowMs: string }[]>(
      'SELECT extract(epoch FROM now()) * 1000 AS "nowMs"',
    );
    return about.flatMap((one): RowDifference[] => {
      const row = rows.find(({ id }) => id === one.id);
      const common = { row: one.id, entry: one.index };
      if (one.action === 'invitation.create') {
        if (row || isOver(one, Number(time?.nowMs))) return [];
        return [{ ...common, kind: 'row-missing', detail: 'no row has this id of its creation' }];
      }
      return row?.isEnded === false
        ? [{ ...common, kind: 'column-differs', detail: 'ended_at' }]
        : [];
    });
  }
}

function compareRow(
  row: StoredInvitation,
  entries: readonly RecordedEntry[],
  retained: RetainedEntries,
): readonly RowDifference[] {
  const isRetired = Number(row.createdMs) < retained.sinceMs;
  const creation = entries.find(
    (one) => one.action === 'invitation.create' && invitationOf(one) === row.id,
  );
  const isUnknown = entries.some(({ entry }) => !entry);
  if (!creation && !isRetired && !isUnknown) {
    const detail = 'the log has no entry that created it';
    return [{ kind: 'row-unrecorded', row: row.id, detail }];
  }
  const isEndRight =
    row.endedMs === null ||
    isRetired ||
    isUnknown ||
    entries.some((one) => one.action !== 'invitation.create' && invitationOf(one) === row.id);
  const isCounted = isRetired
    ? row.uses >= row.tokens + row.reserved
    : row.uses === row.tokens + row.reserved;
  const columns = [
    ...(creation ? differingColumns(row, creation) : []),
    ...(isEndRight ? [] : ['ended_at']),
    ...(isCounted ? [] : ['uses']),
    ...(row.kept > 0 ? ['visitor.due_at'] : []),
  ];
  return columnsDiffer(row.id, columns, creation);
}

function differingColumns(row: StoredInvitation, { entry }: RecordedEntry): readonly string[] {
  const { details, target } = entry ?? {};
  const isTenantRight = isRecordedText(row.tenant, target?.tenant ?? '');
  if (details?.cut !== undefined) return isTenantRight ? [] : ['tenant'];
  const columns = {
    tenant: isTenantRight,
    meeting: isRecordedDetail(row.meeting, details?.meeting),
    scopes: isRecordedDetail(row.scopes, details?.scopes),
    max_uses: row.maxUses === details?.uses,
    expires_at: Number(row.expiresMs) === Date.parse(String(details?.expiresAt)),
  };
  return Object.entries(columns)
    .filter(([, isRight]) => !isRight)
    .map(([column]) => column);
}

/** The id of the invitation that an entry is about. */
function invitationOf({ action, entry }: RecordedEntry): string | undefined {
  if (action !== 'revocation.start') return entry?.target?.subject;
  const { invitation } = entry?.details ?? {};
  return typeof invitation === 'string' ? invitation : undefined;
}

/** Whether the row may have been deleted as one of which nothing is left to do. */
function isOver({ entry }: RecordedEntry, nowMs: number): boolean {
  const expiresMs = Date.parse(String(entry?.details?.expiresAt));
  return !(expiresMs > nowMs - RETENTION_MS);
}
