import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { damagedEntry } from '../entry/damaged-entry.js';
import { LogReader } from '../log/log-reader.js';
import { readSignedHead, type SignedHead } from '../postgres/log-queries.js';
import { EntryRepository } from '../query/entry-repository.js';

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
   * The entries from an index on. One whose stored bytes were changed, or whose row is gone or has another
   * time, is not left out: it comes as one of the action `x-audit.damaged`.
   *
   * @param limit of indexes
   * @throws AuditUnavailable when the log does not continue what this process saw before
   */
  async read(fromIndex: number, limit: number): Promise<EntryFeedPage> {
    const head = await this.log.checkpoint();
    const nextIndex = Math.max(fromIndex, Math.min(fromIndex + limit, head.size));
    const indexes = Array.from({ length: nextIndex - fromIndex }, (_, nth) => fromIndex + nth);
    const rows = indexes.length > 0 ? await this.entries.byIndex(fromIndex, nextIndex) : [];
    const records = await this.entries.withPersonalValues(rows);
    const whole = records.filter(({ isDamaged }) => !isDamaged);
    const found = new Map(whole.map((record) => [record.index, record]));
    // A row that was added beside the entry of its index takes nothing from it.
    const damaged = records.filter(({ index }) => !found.has(index));
    for (const { index, leaf } of damaged) found.set(index, await this.#damagedEntry(index, leaf));
    const retiredBelow = found.size < indexes.length ? await this.entries.retiredBelow() : 0;
    const missing = indexes.filter((index) => index >= retiredBelow && !found.has(index));
    for (const index of missing) found.set(index, await this.#damagedEntry(index));
    // By the index, because times of rows may have been changed.
    const entries = indexes.flatMap((index) => found.get(index) ?? []);
    return { entries, nextIndex, retiredCount: indexes.length - entries.length, head };
  }

  /** With the time of the commit: that of the row may have been changed as well. */
  async #damagedEntry(index: number, storedBytes?: Buffer): Promise<AuditEntryRecord> {
    const span = await this.entries.timeSpanOf(index, index + 1);
    return damagedEntry({ index, recordedAt: span?.to ?? new Date(0), storedBytes });
  }
}
