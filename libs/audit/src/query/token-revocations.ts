import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import type { AuditAction } from '../trail/audit-event.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { type EntryRow, EntryRepository } from './entry-repository.js';
import { ENTRY_ROW } from './search-statement.js';

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

/** Entries that are read at once. */
const MAX_ENTRIES = 1000;

/** Finds out which tokens were revoked. */
@Injectable()
export class TokenRevocations {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
  ) {}

  /**
   * @param since of the oldest token that may be valid
   * @returns of an entry about a token the revocation that came after it
   */
  async of(
    communicationUserIds: readonly string[],
    since: string,
  ): Promise<(token: AuditEntryRecord) => RecordedRevocation> {
    const rows = await this.database.query<EntryRow>(
      `SELECT ${ENTRY_ROW} FROM audit_entry e
       WHERE communication_user_id = ANY($1) AND recorded_at >= $2 AND outcome = 'success'
         AND action = ANY($3) ORDER BY entry_index DESC LIMIT ${MAX_ENTRIES}`,
      [communicationUserIds, since, ENDING_ACTIONS],
    );
    const newestFirst = await this.entries.withPersonalValues(rows);
    const oldestFirst = newestFirst.toReversed();
    return (token) => revocationOf(token, oldestFirst);
  }
}

function revocationOf(
  { index, entry: { target } }: AuditEntryRecord,
  endings: readonly AuditEntryRecord[],
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
