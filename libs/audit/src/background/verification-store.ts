import type { Transaction } from '#libs/platform';
import type { RowChange } from '../trail/transactional-write.js';
import type { CheckedSlice, Finding, PartState } from './verified-part.js';

/** A row of `audit_verification`. */
export interface StoredPart extends PartState {
  readonly part: string;
  /** From 0 to 1: how much of the pass is done. */
  readonly progress: number;
  /** In the future while the next pass is not due. */
  readonly passStartedAt: Date;
  /** How long ago the next slice was due; negative when it is not due yet. */
  readonly lateMs: number;
}

/** Beside the lock of the log (`audit_lock_head`). */
const LOCK = '4711202600000002';

/** What the background verifier remembers, shared by all replicas. */
export class VerificationStore {
  constructor(
    private readonly transaction: Transaction,
    private readonly passMs: number,
  ) {}

  /** Begins a snapshot. @returns whether no other replica verifies; if so, none does until the end of the transaction */
  async lock(): Promise<boolean> {
    await this.transaction.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    const [row] = await this.transaction.query<{ isAlone: boolean }[]>(
      `SELECT pg_try_advisory_xact_lock(${LOCK}) AS "isAlone"`,
    );
    return row?.isAlone ?? false;
  }

  /**
   * Reads the state of these parts. Those that are new begin now, and so do those whose next pass was planned
   * by a longer bound: how long ago their last pass began is not known.
   */
  async read(parts: readonly string[]): Promise<StoredPart[]> {
    await this.transaction.query(
      `INSERT INTO audit_verification (part) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`,
      [parts],
    );
    await this.transaction.query(
      `UPDATE audit_verification SET pass_started_at = now()
       WHERE part = ANY($1::text[]) AND pass_started_at > now() + make_interval(secs => $2::float8)`,
      [parts, this.passMs / 1_000],
    );
    return (await this.all()).filter(({ part }) => parts.includes(part));
  }

  async all(): Promise<StoredPart[]> {
    return this.transaction.query<StoredPart[]>(
      `SELECT part, position, findings, progress, pass_started_at AS "passStartedAt",
         (extract(epoch FROM now() - pass_started_at) * 1000 - progress * $1::float8)::float8 AS "lateMs"
       FROM audit_verification ORDER BY part`,
      [this.passMs],
    );
  }

  /** Writes what a check returned. After a complete pass the next one begins on schedule. */
  async write(part: string, state: PartState | CheckedSlice): Promise<void> {
    const values = [part, JSON.stringify(state.position), JSON.stringify(state.findings)];
    if (!('isComplete' in state)) {
      await this.transaction.query(
        'UPDATE audit_verification SET position = $2, findings = $3 WHERE part = $1',
        values,
      );
      return;
    }
    await this.transaction.query(
      `UPDATE audit_verification SET position = $2, findings = $3,
         progress = CASE WHEN $4::boolean THEN 0 ELSE $5::float8 END,
         pass_started_at = CASE WHEN $4::boolean
           THEN greatest(now(), pass_started_at + make_interval(secs => $6::float8)) ELSE pass_started_at END
       WHERE part = $1`,
      [...values, state.isComplete, state.progress, this.passMs / 1_000],
    );
  }
}

/**
 * Replaces the findings of a part, unless a check has changed them or is changing them: it waits for no lock.
 *
 * @param reject the error where nothing was replaced
 */
export function replaceFindings(
  { part, findings: expected }: Pick<StoredPart, 'part' | 'findings'>,
  findings: readonly Finding[],
  reject: () => Error,
): RowChange {
  return {
    name: 'audit_replace_findings',
    text: `UPDATE audit_verification v SET findings = c.findings::jsonb
       FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS c (part, expected, findings, n)
       WHERE v.part = c.part AND v.findings = c.expected::jsonb AND v.part IN
         (SELECT part FROM audit_verification WHERE part = ANY($1::text[]) FOR UPDATE SKIP LOCKED)
       RETURNING c.n`,
    row: [part, JSON.stringify(expected), JSON.stringify(findings)],
    reject,
  };
}
