import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform';
import type { Actor } from '../trail/actor.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';
import { EntryRepository } from '../query/entry-repository.js';

/** What a retention run did. */
export interface RetentionReport {
  /** Tables that were dropped; none when nothing is old enough. */
  readonly partitions: readonly string[];
  /** Entries with a smaller index have no bodies any more. */
  readonly firstIndex: number;
  readonly receipt: AuditReceipt | undefined;
}

/**
 * Drops the bodies of old entries, a month at a time. Their hashes stay, so that every proof holds.
 * Must run as the role that owns the tables: the service's role can't.
 */
@Injectable()
export class LogRetention {
  constructor(
    private readonly trail: AuditTrail,
    private readonly database: Database,
    private readonly entries: EntryRepository,
  ) {}

  /**
   * Records what will go, then drops the months that were over before the given time. Safe to repeat:
   * a run that was cut off is finished by the next.
   */
  async retire(before: Date, actor: Actor): Promise<RetentionReport> {
    const partitions = await this.#partitionsBefore(before);
    const end = partitions.reduce((latest, { endAt }) => Math.max(latest, endAt.getTime()), 0);
    const [head] = await this.database.query<{ size: string }>(
      'SELECT size FROM audit_head ORDER BY size DESC LIMIT 1',
    );
    const size = Number(head?.size ?? 0);
    const firstIndex = (await this.entries.firstIndexSince(new Date(end))) ?? size;
    if (partitions.length === 0) return { partitions: [], firstIndex: 0, receipt: undefined };
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
