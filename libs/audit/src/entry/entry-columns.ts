import type { AuditEntry } from './audit-entry.js';
import { facetOf, searchIdsOf } from './search-columns.js';

/** The columns that entries are searched by. Derived from the entry alone, so that a verifier can repeat it. */
export interface EntryColumns {
  readonly action: string;
  readonly outcome: string;
  readonly reason_code: string | null;
  readonly reason_detail: string | null;
  readonly actor_kind: string;
  readonly actor_tenant: string | null;
  /** Subject of a caller, or name of the service or operator. */
  readonly actor_subject: string | null;
  readonly client_app: string | null;
  /** `null` also when it equals the actor's, as in most entries. */
  readonly target_tenant: string | null;
  /** `null` also when it equals the actor's. */
  readonly target_subject: string | null;
  readonly identity_id: string | null;
  readonly communication_user_id: string | null;
  readonly token_fingerprint: string | null;
  /** `facetOf` the entry. In rows that an older release added `null`, as in the next column. */
  readonly facet: string | null;
  /** `searchIdsOf` the entry. */
  readonly search_ids: string | null;
}

/** The names of the columns, in the order of COPY. */
export const ENTRY_COLUMN_NAMES = [
  'action',
  'outcome',
  'reason_code',
  'reason_detail',
  'actor_kind',
  'actor_tenant',
  'actor_subject',
  'client_app',
  'target_tenant',
  'target_subject',
  'identity_id',
  'communication_user_id',
  'token_fingerprint',
  'facet',
  'search_ids',
] as const satisfies readonly (keyof EntryColumns)[];

/** The columns that a row differs in from those of its entry. @param stored as in the row */
export function differingColumns(stored: EntryColumns, entry: AuditEntry): string[] {
  const derived = entryColumns(entry);
  return ENTRY_COLUMN_NAMES.filter((name) => {
    // Rows of older releases lack them; the indexes then use the bytes.
    const isLater = name === 'facet' || name === 'search_ids';
    return stored[name] !== derived[name] && !(isLater && stored[name] === null);
  });
}

/** Derives the columns of an entry. */
export function entryColumns(entry: AuditEntry): EntryColumns {
  const { action, outcome, reason, actor, target, token } = entry;
  return {
    action,
    outcome,
    reason_code: reason?.code ?? null,
    reason_detail: reason?.detail ?? null,
    actor_kind: actor.kind,
    actor_tenant: actor.tenant ?? null,
    actor_subject: actor.subject ?? actor.name ?? null,
    client_app: actor.clientApp ?? null,
    target_tenant: unlessEqual(target?.tenant, actor.tenant),
    target_subject: unlessEqual(target?.subject, actor.subject),
    identity_id: target?.identityId ?? null,
    communication_user_id: target?.communicationUserId ?? null,
    token_fingerprint: token?.fingerprint ?? null,
    facet: facetOf(entry),
    search_ids: searchIdsOf(entry),
  };
}

function unlessEqual(value: string | undefined, other: string | undefined): string | null {
  return value === undefined || value === other ? null : value;
}

/** The entry that columns describe: as much of it as they have. For bytes that can't be decoded. */
export function entryFromColumns(
  columns: EntryColumns & { readonly id: string },
  recordedAt: Date,
): AuditEntry {
  const { action, outcome, reason_code: code, reason_detail: detail } = columns;
  const target = withoutNulls({
    communicationUserId: columns.communication_user_id,
    identityId: columns.identity_id,
    subject: columns.target_subject,
    tenant: columns.target_tenant,
  });
  const entry = {
    action,
    actor: withoutNulls({
      clientApp: columns.client_app,
      kind: columns.actor_kind,
      subject: columns.actor_subject,
      tenant: columns.actor_tenant,
    }),
    id: columns.id,
    outcome,
    ...(code !== null && { reason: withoutNulls({ code, detail }) }),
    recordedAt: recordedAt.toISOString(),
    ...(Object.keys(target).length > 0 && { target }),
    version: 1,
  };
  return entry as AuditEntry; // actions, outcomes and kinds are texts in columns
}

function withoutNulls(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
}
