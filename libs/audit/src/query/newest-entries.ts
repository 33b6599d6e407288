import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { type AuditEntry, tryParseAuditEntry } from '../entry/audit-entry.js';
import type { AuditAction } from '../trail/audit-event.js';
import { IS_IN_LOG } from '../verify/retired-entries.js';

/** An action that different parts of the service record has few entries of the others in between. */
const MAX_EXAMINED = 20;

/** Reads what the log has about the last time that something was done. */
@Injectable()
export class NewestEntries {
  constructor(private readonly database: ReadingDatabase) {}

  /**
   * The newest entry of the action with the outcome `success`. Rows that the log does not have are left out.
   *
   * @param actorName of the part of the service that recorded it; absent: of any part
   * @returns `undefined` when there is none among the newest 20, or when it is retired
   */
  async successOf(action: AuditAction, actorName?: string): Promise<AuditEntry | undefined> {
    const rows = await this.database.query<{ leaf: Buffer }>(
      `SELECT leaf FROM audit_entry WHERE action = $1 AND outcome = 'success' AND ${IS_IN_LOG}
       ORDER BY entry_index DESC LIMIT $2`,
      [action, actorName === undefined ? 1 : MAX_EXAMINED],
    );
    const entries = rows.map(({ leaf }) => tryParseAuditEntry(leaf));
    return entries.find((entry) => entry && isBy(entry, actorName));
  }
}

function isBy({ actor }: AuditEntry, name: string | undefined): boolean {
  return name === undefined || ('name' in actor && actor.name === name);
}
