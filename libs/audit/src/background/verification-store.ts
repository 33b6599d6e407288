import type { Transaction } from '#libs/platform';
import type { RowChange } from '../trail/transactional-write.js';
import { z } from 'zod';
import {
  type CheckedPlaces,
  type CheckedSlice,
  type Finding,
  MAX_FINDINGS,
  type PartPosition,
} from './verified-part.js';

/** A row of `audit_verification`, or what one is like at first when it can't be right. */
export interface StoredPart {
  readonly part: string;
  readonly position: PartPosition;
  /** Of all slices. */
  readonly findings: readonly Finding[];
  /** From 0 to 1: how much of the pass is done. */
  readonly progress: number;
  /** In the future while the next pass is not due. */
  readonly passStartedAt: Date;
  /** How long ago the next slice was due; negative when it is not due yet. */
  readonly lateMs: number;
}

const POSITION = z.record(z.string(), z.union([z.string(), z.number()]));
const FINDINGS = z
  .array(
    z.strictObject({
      place: z.string(),
      kind: z.string(),
      detail: z.string(),
      cause: z.string().exactOptional(),
      isRecorded: z.boolean().exactOptional(),
      since: z.int().min(0).exactOptional(),
      slice: POSITION.exactOptional(),
    }),
  )
  .max(MAX_FINDINGS);

/** `infinity`, and times that no clock shows, have no distance to now. */
const IS_POSSIBLE = `(progress BETWEEN 0 AND 1 AND pass_started_at BETWEEN '2000-01-01' AND '2200-01-01')`;

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
   * Reads the state of these parts. Those that are new begin now, and so do those whose row can't be right, and
   * those whose next pass was planned by a longer bound: how long ago their last pass began is not known.
   */
  async read(parts: readonly string[]): Promise<StoredPart[]> {
    await this.transaction.query(
      `INSERT INTO audit_verification (part) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`,
      [parts],
    );
    await this.transaction.query(
      `UPDATE audit_verification SET pass_started_at = now(), progress = 0
       WHERE part = ANY($1::text[]) AND (${IS_POSSIBLE} IS NOT TRUE
         OR pass_started_at > now() + make_interval(secs => $2::float8))`,
      [parts, this.passMs / 1_000],
    );
    return (await this.all()).filter(({ part }) => parts.includes(part));
  }

  async all(): Promise<StoredPart[]> {
    const rows = await this.transaction.query<
      (StoredPart & Record<'position' | 'findings', unknown>)[]
    >(
      `SELECT part, position, findings, s.progress, s.started AS "passStartedAt",
         (extract(epoch FROM now() - s.started) * 1000 - s.progress * $1::float8)::float8 AS "lateMs"
       FROM audit_verification, LATERAL (SELECT
         CASE WHEN ${IS_POSSIBLE} THEN progress ELSE 0 END AS progress,
         CASE WHEN ${IS_POSSIBLE} THEN pass_started_at ELSE now() END AS started) AS s
       ORDER BY part`,
      [this.passMs],
    );
    return rows.map(({ position, findings, ...row }) => ({
      ...row,
      position: POSITION.safeParse(position).data ?? {},
      findings: FINDINGS.safeParse(findings).data ?? [],
    }));
  }

  /** Writes what a check returned. After a complete pass the next one begins on schedule. */
  async write(
    part: string,
    checked: CheckedPlaces | CheckedSlice,
    findings: readonly Finding[],
  ): Promise<void> {
    const values = [part, JSON.stringify(checked.position), JSON.stringify(findings)];
    if (!('isComplete' in checked)) {
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
      [...values, checked.isComplete, checked.progress, this.passMs / 1_000],
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
