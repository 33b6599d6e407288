import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { type AuditEntry, tryParseAuditEntry } from '../entry/audit-entry.js';
import type { AuditAction } from '../trail/audit-event.js';
import { IS_IN_LOG } from '../verify/retired-entries.js';

/** Reads what the log has about the last time that something was done. */
@Injectable()
export class NewestEntries {
  constructor(private readonly database: ReadingDatabase) {}

  /**
   * The newest entry of the action with the outcome `success`. Rows that the log does not have are left out.
   *
   * @returns `undefined` when there is none, or when it is retired
   */
  async successOf(action: AuditAction): Promise<AuditEntry | undefined> {
    const [row] = await this.database.query<{ leaf: Buffer }>(
      `SELECT leaf FROM audit_entry WHERE action = $1 AND outcome = 'success' AND ${IS_IN_LOG}
       ORDER BY entry_index DESC LIMIT 1`,
      [action],
    );
    return row && tryParseAuditEntry(row.leaf);
  }
}
