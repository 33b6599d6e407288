import type { AuditEntry, AuditEntryRecord } from '#libs/audit';

/** Why a sink gets less of an entry than the log has. */
export type ReductionReason = 'too-large' | 'rejected';

/** What is left of an entry. */
export interface Reduction {
  readonly reason: ReductionReason;
  /** Of a text that is no detail. With 0 no other member is left whose length is not bounded. */
  readonly maxTextLength: number;
  /** How many details are left at most, the shortest first. */
  readonly maxDetails: number;
}

type Details = NonNullable<AuditEntry['details']>;

/** Of a text among the details: permissions, routes, stages and GUIDs are whole. */
const MAX_DETAIL_LENGTH = 64;
/** Values of a list among the details. */
const MAX_LIST_LENGTH = 2;
/** Of a communication identity: its end is what the others of its resource do not have. */
const MAX_COMMUNICATION_ID_LENGTH = 128;

/**
 * An entry without its long members, for a receiver that does not take the whole one. `details.reduced`
 * says why; the log has the rest under the same id and index. What detections read is short, and left.
 */
export function reducedEntry(
  { index, entry, personal }: AuditEntryRecord,
  { reason, maxTextLength, maxDetails }: Reduction,
): AuditEntryRecord {
  const { action, actor, id, outcome, recordedAt, request, target, token, version } = entry;
  const { permissions: _permissions, ...shortActor } = actor;
  const bare: AuditEntry = {
    action,
    actor: { kind: actor.kind },
    details: { ...shortDetails(entry.details ?? {}, maxDetails), reduced: reason },
    id,
    outcome,
    recordedAt,
    version,
  };
  const shortened = <T extends object>(members: T): T => withShortTexts(members, maxTextLength);
  const communicationUserId = target?.communicationUserId?.slice(0, MAX_COMMUNICATION_ID_LENGTH);
  const reduced: AuditEntry =
    maxTextLength === 0
      ? bare
      : {
          ...bare,
          actor: shortened(shortActor),
          ...(entry.reason && { reason: shortened({ code: entry.reason.code }) }),
          ...(request && { request: shortened(request) }),
          ...(target && {
            target: {
              ...shortened(target),
              ...(communicationUserId !== undefined && { communicationUserId }),
            },
          }),
          ...(token && { token: { ...shortened(token), expiresOn: token.expiresOn, scopes: [] } }),
        };
  const { clientAddress } = personal;
  return {
    index,
    entry: reduced,
    leaf: Buffer.from(JSON.stringify(reduced)),
    personal: clientAddress === undefined ? {} : { clientAddress },
    isDamaged: false,
  };
}

/** The shortest details, their lists and texts cut. */
function shortDetails(details: Details, maxCount: number): Details {
  const short = (text: string): string => text.slice(0, MAX_DETAIL_LENGTH);
  const members = Object.entries(details).map(([name, value]): [string, Details[string]] => {
    if (typeof value === 'string') return [name, short(value)];
    if (typeof value !== 'object') return [name, value];
    return [name, value.slice(0, MAX_LIST_LENGTH).map(short)];
  });
  const shortest = members.toSorted(([, a], [, b]) => lengthOf(a) - lengthOf(b));
  return Object.fromEntries(shortest.slice(0, maxCount));
}

function lengthOf(value: unknown): number {
  return JSON.stringify(value).length;
}

function withShortTexts<T extends object>(members: T, maxLength: number): T {
  const pairs = Object.entries(members).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'string' ? value.slice(0, maxLength) : value,
  ]);
  return Object.fromEntries(pairs) as T; // the same members, texts at most shorter
}
