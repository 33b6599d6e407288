import type { AuditEntry, AuditEntryRecord } from '#libs/audit';

/** Why a sink gets less of an entry than the log has. */
export type ReductionReason = 'too-large' | 'rejected';

/**
 * An entry without its long members, for a receiver that does not take the whole one. `details.reduced`
 * says why; the log has the rest under the same id and index.
 *
 * @param maxTextLength of a text; with 0 no member is left whose length is not bounded
 */
export function reducedEntry(
  { index, entry }: AuditEntryRecord,
  reason: ReductionReason,
  maxTextLength: number,
): AuditEntryRecord {
  const { action, actor, id, outcome, recordedAt, request, target, token, version } = entry;
  const { permissions: _permissions, ...shortActor } = actor;
  const bare: AuditEntry = {
    action,
    actor: { kind: actor.kind },
    details: { reduced: reason },
    id,
    outcome,
    recordedAt,
    version,
  };
  const shortened = <T extends object>(members: T): T => withShortTexts(members, maxTextLength);
  const reduced: AuditEntry =
    maxTextLength === 0
      ? bare
      : {
          ...bare,
          actor: shortened(shortActor),
          ...(entry.reason && { reason: shortened({ code: entry.reason.code }) }),
          ...(request && { request: shortened(request) }),
          ...(target && { target: shortened(target) }),
          ...(token && { token: { ...shortened(token), expiresOn: token.expiresOn, scopes: [] } }),
        };
  return {
    index,
    entry: reduced,
    leaf: Buffer.from(JSON.stringify(reduced)),
    personal: {},
    isDamaged: false,
  };
}

function withShortTexts<T extends object>(members: T, maxLength: number): T {
  const pairs = Object.entries(members).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'string' ? value.slice(0, maxLength) : value,
  ]);
  return Object.fromEntries(pairs) as T; // the same members, texts at most shorter
}
