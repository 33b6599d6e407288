import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import type { AuditEntry, AuditEntryRecord } from '../entry/audit-entry.js';
import { LogReader } from '../log/log-reader.js';
import { readSignedHead, type SignedHead } from '../postgres/log-queries.js';
import { EntryRepository, type EntryRow } from '../query/entry-repository.js';

/** Entries that follow an index, and the log that they are of. */
export interface EntryFeedPage {
  /** In the order of their indexes. Retired ones are missing. */
  readonly entries: readonly AuditEntryRecord[];
  /** Where to continue; equal to the given index when nothing was added. */
  readonly nextIndex: number;
  /** How many entries of the range are retired. */
  readonly retiredCount: number;
  readonly head: SignedHead;
}

/**
 * Reads the log from an index on, for consumers that need every entry. Personal values are those that are
 * stored at the time of the call: erased ones are not among them.
 */
@Injectable()
export class EntryFeed {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly log: LogReader,
  ) {}

  /** The size of the log; one lookup. */
  async size(): Promise<number> {
    return (await readSignedHead(this.database))?.size ?? 0;
  }

  /**
   * The entries from an index on. An entry whose stored bytes were changed is not left out: it comes as
   * one of the action `x-audit.damaged`.
   *
   * @param limit of indexes
   * @throws AuditUnavailable when the log does not continue what this process saw before
   */
  async read(fromIndex: number, limit: number): Promise<EntryFeedPage> {
    const head = await this.log.checkpoint();
    const nextIndex = Math.max(fromIndex, Math.min(fromIndex + limit, head.size));
    const rows = nextIndex > fromIndex ? await this.entries.byIndex(fromIndex, nextIndex) : [];
    const records = await this.entries.withPersonalValues(rows);
    const entries = records.map((record, nth) => {
      const row = rows[nth];
      return record.isDamaged && row ? damagedEntry(row) : record;
    });
    return { entries, nextIndex, retiredCount: nextIndex - fromIndex - rows.length, head };
  }
}

/** Stands for an entry whose stored bytes were changed. Its id is one that no entry has. */
function damagedEntry({ entry_index: index, recorded_at: time, leaf }: EntryRow): AuditEntryRecord {
  const entry: AuditEntry = {
    action: 'x-audit.damaged',
    actor: { kind: 'system', name: 'audit-log' },
    details: { storedBytes: leaf.toString('base64') },
    id: `damaged-${index}`,
    outcome: 'failure',
    reason: { code: 'entry-damaged', detail: 'run acs-identity audit verify' },
    recordedAt: time.toISOString(),
    version: 1,
  };
  return {
    index: Number(index),
    entry,
    leaf: Buffer.from(JSON.stringify(entry)),
    personal: {},
    isDamaged: false,
  };
}
