import { Injectable } from '@nestjs/common';
import { isLeased, ReadingDatabase, RETRY_IN_MS } from '#libs/platform';
import type { SinkFailureKind } from './sink.js';

/** The right to deliver to a sink until the lease ends, and where to continue. */
export interface SinkCursor {
  readonly nextIndex: number;
  /** Whether this process had the lease without a break: nobody else may have moved the cursor. */
  readonly wasHeld: boolean;
  /** Of the pause that holds for every replica; 0 when an attempt may be made now. */
  readonly retryInMs: number;
  /** The state that the last attempt of any replica left. */
  readonly failure: SinkFailureKind | undefined;
  readonly failureCount: number;
}

/** The state of a sink, for operators. */
export interface SinkState {
  readonly name: string;
  readonly nextIndex: number;
  readonly isLeased: boolean;
  readonly deliveredAt: Date | undefined;
  readonly failure: SinkFailureKind | undefined;
  readonly failureDetail: string | undefined;
  readonly failingSince: Date | undefined;
  /** Absent also when each replica has a pause of its own. */
  readonly retryAt: Date | undefined;
}

interface Row {
  readonly name: string;
  readonly next_index: string;
  readonly is_leased: boolean;
  readonly was_held: boolean;
  readonly delivered_at: Date | null;
  readonly failure: SinkFailureKind | null;
  readonly failure_detail: string | null;
  readonly failing_since: Date | null;
  readonly failure_count: number;
  readonly retry_at: Date | null;
  readonly retry_in_ms: number;
}

const MAX_DETAIL_LENGTH = 500;
/** Of any configuration: two minutes for an attempt, its margin, and some for clocks of the database. */
const MAX_LEASE_MS = 5 * 60_000;

/**
 * How far each sink is. A lease in its row lets one process deliver at a time; the clock of the database
 * decides when it ends. Every change needs the lease.
 */
@Injectable()
export class SinkCursors {
  constructor(private readonly database: ReadingDatabase) {}

  /** Creates the cursor of a sink that has none. */
  async create(name: string, nextIndex: number): Promise<void> {
    await this.database.query(
      'INSERT INTO audit_sink (name, next_index) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
      [name, nextIndex],
    );
  }

  /** Takes or renews the lease. @returns `undefined` when another process has it, or there is no cursor */
  async acquire(name: string, holder: string, leaseMs: number): Promise<SinkCursor | undefined> {
    const [row] = await this.database.queryPrepared<Row>(
      'audit_sink_acquire',
      `UPDATE audit_sink
       SET lease_holder = $2, lease_expires_at = now() + $3 * interval '1 ms'
       FROM (SELECT name AS held_name, lease_holder IS NOT DISTINCT FROM $2 AS was_held
             FROM audit_sink WHERE name = $1) AS held
       WHERE name = held_name AND (lease_holder = $2 OR NOT ${isLeased(MAX_LEASE_MS)})
       RETURNING next_index, was_held, failure, failure_count, ${RETRY_IN_MS} AS retry_in_ms`,
      [name, holder, leaseMs],
    );
    return (
      row && {
        nextIndex: Number(row.next_index),
        wasHeld: row.was_held,
        retryInMs: row.retry_in_ms,
        failure: row.failure ?? undefined,
        failureCount: row.failure_count,
      }
    );
  }

  /** Moves the cursor, renews the lease and ends a failure. @returns false when the lease is lost */
  async advance(
    name: string,
    holder: string,
    nextIndex: number,
    leaseMs: number,
  ): Promise<boolean> {
    const rows = await this.database.queryPrepared(
      'audit_sink_advance',
      `UPDATE audit_sink
       SET next_index = $3, delivered_at = now(), lease_expires_at = now() + $4 * interval '1 ms',
         failure = NULL, failure_detail = NULL, failing_since = NULL, failure_count = 0, retry_at = NULL
       WHERE name = $1 AND lease_holder = $2 AND next_index <= $3 RETURNING name`,
      [name, holder, nextIndex, leaseMs],
    );
    return rows.length > 0;
  }

  /** Sets a cursor back that was moved past the service. */
  async setBack(name: string, holder: string, nextIndex: number): Promise<void> {
    await this.database.query(
      'UPDATE audit_sink SET next_index = $3 WHERE name = $1 AND lease_holder = $2',
      [name, holder, nextIndex],
    );
  }

  /**
   * Remembers a failed attempt, for whichever replica makes the next one.
   *
   * @param failure `retryMs` is a pause for every replica; without one the lease ends, and others may try at once
   */
  async fail(
    name: string,
    holder: string,
    {
      kind,
      detail,
      retryMs,
    }: { kind: SinkFailureKind; detail: string; retryMs: number | undefined },
  ): Promise<void> {
    await this.database.query(
      `UPDATE audit_sink
       SET failure = $3, failure_detail = $4, failure_count = failure_count + 1,
         failing_since = coalesce(failing_since, now()),
         retry_at = now() + $5::float8 * interval '1 ms',
         lease_expires_at = CASE WHEN $5::float8 IS NULL THEN now() ELSE lease_expires_at END
       WHERE name = $1 AND lease_holder = $2`,
      [name, holder, kind, detail.slice(0, MAX_DETAIL_LENGTH), retryMs],
    );
  }

  /** Gives the leases of a process back, so that others need not wait for their ends. */
  async release(holder: string): Promise<void> {
    await this.database.query(
      `UPDATE audit_sink SET lease_holder = NULL, lease_expires_at = NULL WHERE lease_holder = $1`,
      [holder],
    );
  }

  /** The states of all sinks that ever had a cursor. */
  async states(): Promise<SinkState[]> {
    const rows = await this.database.query<Row>(
      `SELECT *, ${isLeased(MAX_LEASE_MS)} AS is_leased FROM audit_sink ORDER BY name`,
    );
    return rows.map((row) => ({
      name: row.name,
      nextIndex: Number(row.next_index),
      isLeased: row.is_leased,
      deliveredAt: row.delivered_at ?? undefined,
      failure: row.failure ?? undefined,
      failureDetail: row.failure_detail ?? undefined,
      failingSince: row.failing_since ?? undefined,
      retryAt: row.retry_at ?? undefined,
    }));
  }
}

/** Where a cursor is, as far as that can be: one that is not in the log was moved past the service, and it is not known from where. */
export function possibleIndex(nextIndex: number, logSize: number): number {
  return nextIndex >= 0 && nextIndex <= logSize ? nextIndex : 0;
}
