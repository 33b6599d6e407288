import type { AuditEntry } from './audit-entry.js';

/** What entries are searched by. Derived from the entry alone, so that a verifier can derive it again. */
export interface EntryColumns {
  readonly action: string;
  readonly outcome: string;
  readonly reason_code: string | null;
  readonly reason_detail: string | null;
  readonly actor_kind: string;
  readonly actor_tenant: string | null;
  /** Subject of a caller, name of the service or of an operator. */
  readonly actor_subject: string | null;
  readonly client_app: string | null;
  /** Absent when it is the actor's, as mostly; the same for the subject. */
  readonly target_tenant: string | null;
  readonly target_subject: string | null;
  readonly identity_id: string | null;
  readonly communication_user_id: string | null;
  readonly token_fingerprint: string | null;
}

/** The names of the columns, in the order in which they are inserted. */
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
] as const satisfies readonly (keyof EntryColumns)[];

/** Derives the columns of an entry. */
export function entryColumns({
  action,
  outcome,
  reason,
  actor,
  target,
  token,
}: AuditEntry): EntryColumns {
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
  };
}

function unlessEqual(value: string | undefined, usual: string | undefined): string | null {
  return value === undefined || value === usual ? null : value;
}
