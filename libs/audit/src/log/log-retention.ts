import { Injectable } from '@nestjs/common';
import { type Actor, Database } from '#libs/platform';
import { readSignedHead } from '../postgres/log-queries.js';
import { EntryRepository } from '../query/entry-repository.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';

/** What a run of `LogRetention` dropped. */
export interface RetentionReport {
  /** Dropped partitions of `audit_entry`; empty when none is old enough. */
  readonly partitions: readonly string[];
  /** Entries with a smaller index have been dropped. 0 when no partition was dropped. */
  readonly firstIndex: number;
  readonly receipt: AuditReceipt | undefined;
}

/**
 * Drops the bodies of old entries, by monthly partition. Their hashes stay, so every proof still
 * verifies. Needs the role that owns the tables; the service's role has no right to drop them.
 */
@Injectable()
export class LogRetention {
  constructor(
    private readonly trail: AuditTrail,
    private readonly database: Database,
    private readonly entries: EntryRepository,
  ) {}

  /**
   * Records what will be dropped, then drops the months that ended at `before` or earlier. Safe to
   * repeat: the next run completes one that was interrupted.
   */
  async retire(before: Date, actor: Actor): Promise<RetentionReport> {
    const partitions = await this.#partitionsBefore(before);
    if (partitions.length === 0) return { partitions: [], firstIndex: 0, receipt: undefined };
    const end = Math.max(...partitions.map(({ endAt }) => endAt.getTime()));
    const firstIndex = await this.#firstIndexSince(new Date(end));
    const names = partitions.map(({ name }) => name);
    const receipt = await this.trail.record({
      action: 'audit.retain',
      outcome: 'success',
      actor,
      details: { firstIndex, before: before.toISOString(), partitions: names },
    });
    for (const name of names) {
      await this.database.query(`DROP TABLE ${name}, ${name.replace('entry', 'personal')}`);
    }
    return { partitions: names, firstIndex, receipt };
  }

  /** The size of the log when no entry is that new. Read before, since the log may grow in between. */
  async #firstIndexSince(time: Date): Promise<number> {
    const head = await readSignedHead(this.database);
    return (await this.entries.firstIndexSince(time)) ?? head?.size ?? 0;
  }

  async #partitionsBefore(before: Date): Promise<{ name: string; endAt: Date }[]> {
    const rows = await this.database.query<{ name: string }>(
      `SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
       WHERE inhparent = 'audit_entry'::regclass AND relname ~ '^audit_entry_\\d{4}_\\d{2}$'
       ORDER BY relname`,
    );
    return rows
      .map(({ name }) => {
        const [, year, month] = /_(\d{4})_(\d{2})$/.exec(name) ?? [];
        return { name, endAt: new Date(Date.UTC(Number(year), Number(month), 1)) };
      })
      .filter(({ endAt }) => endAt.getTime() <= before.getTime());
  }
}
