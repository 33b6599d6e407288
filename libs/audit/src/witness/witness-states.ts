import { Injectable } from '@nestjs/common';
import { isLeased, ReadingDatabase, RETRY_IN_MS } from '#libs/platform';
import type { WitnessFailureKind } from './witness-failure.js';

/** How a witness does, as the last attempt of any replica left it. */
export interface WitnessState {
  readonly name: string;
  /** Of the checkpoint that it cosigned last, as far as the service knows. */
  readonly cosignedSize: number;
  readonly failure: WitnessFailureKind | undefined;
  readonly failureDetail: string | undefined;
  readonly failingSince: Date | undefined;
  readonly failureCount: number;
  /** 0 when an attempt may be made now. */
  readonly retryInMs: number;
}

interface Row {
  readonly name: string;
  readonly cosigned_size: string;
  readonly failure: WitnessFailureKind | null;
  readonly failure_detail: string | null;
  readonly failing_since: Date | null;
  readonly failure_count: number;
  readonly retry_in_ms: number;
}

/** Of any configuration: an hour between submissions, their timeouts, and some for clocks of the database. */
const MAX_LEASE_MS = 2 * 60 * 60_000;

/** What all replicas know of the witnesses, and which of them submits checkpoints. */
@Injectable()
export class WitnessStates {
  constructor(private readonly database: ReadingDatabase) {}

  /** Takes or renews the right to submit. @returns false when another process has it */
  async acquire(holder: string, leaseMs: number): Promise<boolean> {
    const rows = await this.database.queryPrepared(
      'audit_cosigning_acquire',
      `UPDATE audit_cosigning SET lease_holder = $1, lease_expires_at = now() + $2 * interval '1 ms'
       WHERE lease_holder = $1 OR NOT ${isLeased(MAX_LEASE_MS)} RETURNING id`,
      [holder, leaseMs],
    );
    return rows.length > 0;
  }

  /** Gives the right back, so that others need not wait for its end. */
  async release(holder: string): Promise<void> {
    await this.database.query(
      'UPDATE audit_cosigning SET lease_holder = NULL, lease_expires_at = NULL WHERE lease_holder = $1',
      [holder],
    );
  }

  async all(): Promise<WitnessState[]> {
    const rows = await this.database.query<Row>(
      `SELECT *, ${RETRY_IN_MS} AS retry_in_ms FROM audit_witness ORDER BY name`,
    );
    return rows.map((row) => ({
      name: row.name,
      // The witness corrects any other size.
      cosignedSize: Math.max(0, Number(row.cosigned_size)),
      failure: row.failure ?? undefined,
      failureDetail: row.failure_detail ?? undefined,
      failingSince: row.failing_since ?? undefined,
      failureCount: row.failure_count,
      retryInMs: row.retry_in_ms,
    }));
  }

  async noteCosigned(name: string, size: number): Promise<void> {
    await this.database.query(
      `INSERT INTO audit_witness (name, cosigned_size) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET cosigned_size = excluded.cosigned_size, failure = NULL,
         failure_detail = NULL, failing_since = NULL, failure_count = 0, retry_at = NULL`,
      [name, size],
    );
  }

  async noteFailure(
    name: string,
    { kind, detail, retryMs }: { kind: WitnessFailureKind; detail: string; retryMs: number },
  ): Promise<void> {
    await this.database.query(
      `INSERT INTO audit_witness (name, failure, failure_detail, failing_since, failure_count, retry_at)
       VALUES ($1, $2, $3, now(), 1, now() + $4 * interval '1 ms')
       ON CONFLICT (name) DO UPDATE SET failure = excluded.failure,
         failure_detail = excluded.failure_detail, failure_count = audit_witness.failure_count + 1,
         failing_since = coalesce(audit_witness.failing_since, now()), retry_at = excluded.retry_at`,
      [name, kind, detail, retryMs],
    );
  }
}
