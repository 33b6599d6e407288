import type { AuditEntry, AuditEntryRecord } from '#libs/audit';

/** Why a sink gets less of an entry than the log has. */
export type ReductionReason = 'too-large' | 'rejected';

const MAX_TEXT_LENGTH = 256;

/**
 * An entry without its long members, for a receiver that does not take the whole one. `details.reduced`
 * says why; the log has the rest under the same id and index.
 */
export function reducedEntry(
  { index, entry }: AuditEntryRecord,
  reason: ReductionReason,
): AuditEntryRecord {
  const { action, actor, id, outcome, recordedAt, request, target, token, version } = entry;
  const { permissions: _permissions, ...shortActor } = actor;
  const reduced: AuditEntry = {
    action,
    actor: shortened(shortActor),
    details: { reduced: reason },
    id,
    outcome,
    ...(entry.reason && { reason: { code: entry.reason.code.slice(0, MAX_TEXT_LENGTH) } }),
    recordedAt,
    ...(request && { request: shortened(request) }),
    ...(target && { target: shortened(target) }),
    ...(token && { token: { ...shortened(token), scopes: [] } }),
    version,
  };
  return {
    index,
    entry: reduced,
    leaf: Buffer.from(JSON.stringify(reduced)),
    personal: {},
    isDamaged: false,
  };
}

function shortened<T extends object>(members: T): T {
  const pairs = Object.entries(members).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'string' ? value.slice(0, MAX_TEXT_LENGTH) : value,
  ]);
  return Object.fromEntries(pairs) as T; // the same members, texts at most shorter
}
