import { Injectable } from '@nestjs/common';
import { type Actor, Clock, Database, type Transaction } from '#libs/platform';
import { RetentionNotOver } from '../errors.js';
import { readSignedHead } from '../postgres/log-queries.js';
import { EntryRepository } from '../query/entry-repository.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';
import { withBriefLocks } from './brief-lock.js';

/** What a run of `LogRetention` dropped. */
export interface RetentionReport {
  /** Of `audit_entry`: dropped partitions, and the default partition if it had old rows. */
  readonly partitions: readonly string[];
  /** Entries with a smaller index have been dropped. 0 when no partition was dropped. */
  readonly firstIndex: number;
  readonly receipt: AuditReceipt | undefined;
}

/** For each table that somebody else uses. */
const LOCK_WAIT_MS = 60_000;

const PARENTS = ['audit_entry', 'audit_personal'] as const;

/** A partition with its bounds; the default partition has none. */
interface Partition {
  readonly parent: (typeof PARENTS)[number];
  readonly name: string;
  readonly from: Date | null;
  readonly to: Date | null;
}

/** What goes: everything that was recorded before `end`. */
interface Plan {
  readonly end: Date;
  readonly dropped: readonly Partition[];
  /** Default partitions with older rows. */
  readonly rewritten: readonly Partition[];
}

/**
 * Drops the bodies of old entries by whole months. Their hashes stay, so every proof still
 * verifies. Needs the role that owns the tables; the service's role has no right to drop them.
 */
@Injectable()
export class LogRetention {
  constructor(
    private readonly trail: AuditTrail,
    private readonly database: Database,
    private readonly entries: EntryRepository,
    private readonly clock: Clock,
  ) {}

  /**
   * Records what will be dropped, then drops the whole months that ended at `before` or earlier, and a day
   * ago or earlier. Safe to repeat: the next run completes one that was interrupted.
   *
   * Appends wait at most 100 ms for it to get a table. While somebody else reads the log in a long transaction,
   * such as a dump, it repeats that for a minute for each table.
   *
   * @throws RetentionNotOver when `before` lies in the future
   * @throws LockNotFree when a table was in use for longer. Nothing was recorded, unless somebody began to use it
   *   after that: then the next run drops what is left.
   */
  async retire(before: Date, actor: Actor): Promise<RetentionReport> {
    const { end, dropped, rewritten } = await this.#plan(before);
    const all = [...dropped, ...rewritten];
    if (all.length === 0) return { partitions: [], firstIndex: 0, receipt: undefined };
    // Before anything is recorded: a dump may have the tables for hours.
    await this.#withBriefLocks(async (transaction) => {
      await transaction.query(`LOCK TABLE ${PARENTS.join(', ')} IN ACCESS EXCLUSIVE MODE`);
    });
    const names = all.filter(({ parent }) => parent === 'audit_entry').map(({ name }) => name);
    const firstIndex = await this.#firstIndexSince(end);
    const receipt = await this.trail.record({
      action: 'audit.retain',
      outcome: 'success',
      actor,
      details: {
        firstIndex,
        before: before.toISOString(),
        end: end.toISOString(),
        partitions: names,
      },
    });
    await this.#assertSurvives(receipt, end);
    for (const { name } of dropped) {
      await this.#withBriefLocks(async (transaction) => {
        await transaction.query(`DROP TABLE ${name}`);
      });
    }
    if (rewritten.length > 0) {
      await this.#withBriefLocks(async (transaction) => {
        for (const { parent } of rewritten) await rewriteDefault(transaction, parent, end);
      });
    }
    return { partitions: names, firstIndex, receipt };
  }

  async #withBriefLocks(work: (transaction: Transaction) => Promise<void>): Promise<void> {
    await withBriefLocks(this.database, work, { clock: this.clock, waitMs: LOCK_WAIT_MS });
  }

  /** The size of the log when no entry is that new. Read before, since the log may grow in between. */
  async #firstIndexSince(time: Date): Promise<number> {
    const head = await readSignedHead(this.database);
    return (await this.entries.firstIndexSince(time)) ?? head?.size ?? 0;
  }

  /** The entry about the retirement explains to every verifier why others are missing. */
  async #assertSurvives({ index }: AuditReceipt, end: Date): Promise<void> {
    const [survivor] = await this.database.query(
      'SELECT FROM audit_entry WHERE recorded_at >= $1 AND entry_index = $2',
      [end.toISOString(), index],
    );
    if (!survivor) {
      throw new Error(
        'The entry about the retirement would be dropped as well; nothing was dropped.',
      );
    }
  }

  async #plan(before: Date): Promise<Plan> {
    const [time] = await this.database.query<{ now: Date; end: Date }>(
      // A replica's clock may be behind: for a day, a month that has ended may still get entries.
      `SELECT now() AS now, date_trunc('month', least($1, now() - interval '1 day'), 'UTC') AS end`,
      [before.toISOString()],
    );
    if (!time || before > time.now) throw new RetentionNotOver();
    const partitions = await this.#partitions();
    const straddling = partitions.filter(
      ({ from, to }) => from && to && from < time.end && to > time.end,
    );
    const end = new Date(Math.min(+time.end, ...straddling.map(({ from }) => Number(from))));
    const rewritten: Partition[] = [];
    for (const partition of partitions.filter(({ to }) => !to)) {
      const rows = await this.database.query(
        `SELECT 1 FROM ${partition.name} WHERE recorded_at < $1 LIMIT 1`,
        [end.toISOString()],
      );
      if (rows.length > 0) rewritten.push(partition);
    }
    return { end, dropped: partitions.filter(({ to }) => to && to <= end), rewritten };
  }

  async #partitions(): Promise<Partition[]> {
    return this.database.query<Partition>(
      `SELECT parent, quote_ident(name) AS name,
         (regexp_match(bound, 'FROM \\(''([^'']+)''\\)'))[1]::timestamptz AS "from",
         (regexp_match(bound, 'TO \\(''([^'']+)''\\)'))[1]::timestamptz AS "to"
       FROM (SELECT p.relname AS parent, c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
             FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_class p ON p.oid = inhparent
             WHERE inhparent IN (${PARENTS.map((parent) => `'${parent}'::regclass`).join(', ')})) AS x
       ORDER BY parent, name`,
    );
  }
}

/** Replaces the default partition by one without the old rows: no row of a table can be deleted. */
async function rewriteDefault(
  transaction: Transaction,
  parent: Partition['parent'],
  end: Date,
): Promise<void> {
  const name = `${parent}_other`;
  await transaction.query(`ALTER TABLE ${parent} DETACH PARTITION ${name}`);
  await transaction.query(`ALTER TABLE ${name} RENAME TO ${name}_retired`);
  await transaction.query(
    `CREATE TABLE ${name} PARTITION OF ${parent} DEFAULT WITH (toast_tuple_target = 8160)`,
  );
  await transaction.query(`CALL audit_protect('${name}')`);
  await transaction.query(
    `INSERT INTO ${parent} SELECT * FROM ${name}_retired WHERE recorded_at >= $1`,
    [end.toISOString()],
  );
  await transaction.query(`DROP TABLE ${name}_retired`);
}
