import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import type { AuditAction } from '../trail/audit-event.js';
import { type AuditEntryRecord, tryParseAuditEntry } from '../entry/audit-entry.js';

/** What the log has about the revocation of a token. Times are those of the entries. */
export interface RecordedRevocation {
  /** Absent when there was no request for this identity alone, as in a mass revocation. */
  readonly requestedAt?: string;
  /** Until then ACS accepts the token, and for up to 15 minutes after it. */
  readonly confirmedAt?: string;
}

/** The actions that end all tokens of a communication identity. */
const ENDING_ACTIONS: readonly AuditAction[] = [
  'token.revoke',
  'identity.suspend',
  'identity.delete',
  'teams-phone.unassign',
];

/** `details.stage` of the entries that are recorded after ACS has answered. */
const CONFIRMED_STAGES: readonly unknown[] = ['confirmed', 'completed'];

/** Of more, the oldest are left out: a token is revoked all the same, and only the times that are shown are later. */
const MAX_ENTRIES = 1000;

/** The revocation that came after an entry about a token. */
export type RevocationLookup = (token: IndexedEntry) => RecordedRevocation;

type IndexedEntry = Pick<AuditEntryRecord, 'index' | 'entry'>;

/** Finds out from the log which tokens were revoked. */
@Injectable()
export class RecordedRevocations {
  constructor(private readonly database: ReadingDatabase) {}

  /** @param since RFC 3339: when the oldest token was issued that may be valid */
  async find(communicationUserIds: readonly string[], since: string): Promise<RevocationLookup> {
    const newestFirst = await this.database.query<{ index: string; leaf: Buffer }>(
      `SELECT entry_index AS index, leaf FROM audit_entry
       WHERE communication_user_id = ANY($1) AND recorded_at >= $2 AND outcome = 'success'
         AND action = ANY($3) ORDER BY entry_index DESC LIMIT ${MAX_ENTRIES}`,
      [communicationUserIds, since, ENDING_ACTIONS],
    );
    const oldestFirst = newestFirst.toReversed().flatMap(({ index, leaf }) => {
      const entry = tryParseAuditEntry(leaf);
      return entry ? [{ index: Number(index), entry }] : [];
    });
    return (token) => revocationOf(token, oldestFirst);
  }
}

function revocationOf(
  { index, entry: { target } }: IndexedEntry,
  endings: readonly IndexedEntry[],
): RecordedRevocation {
  const later = endings.filter(
    (ending) =>
      ending.index > index &&
      ending.entry.target?.communicationUserId === target?.communicationUserId,
  );
  const requested = later.find((ending) => ending.entry.details?.stage === 'requested');
  const confirmed = later.find(({ entry }) => CONFIRMED_STAGES.includes(entry.details?.stage));
  return {
    ...(requested && { requestedAt: requested.entry.recordedAt }),
    ...(confirmed && { confirmedAt: confirmed.entry.recordedAt }),
  };
}
