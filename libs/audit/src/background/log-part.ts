import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/platform';
import type { TreeFrontier } from '#libs/transparency-log';
import { LogKeys } from '../log/log-keys.js';
import { IS_SIZE, logSize } from '../postgres/log-queries.js';
import type { AuditFault } from '../verify/audit-fault.js';
import { DatabaseVerifier } from '../verify/database-verifier.js';
import { checkOrReport } from './check-or-report.js';
import {
  type CheckedPlaces,
  type CheckedSlice,
  type Finding,
  type PartPosition,
  placesWithin,
  type VerifiedPart,
} from './verified-part.js';

/** Entries of a slice, unless one commit had more. */
const SLICE_ENTRIES = 1_000;
/** Of a slice: what one edit may cause in many entries. */
const MAX_FAULTS_OF_CAUSE = 20;
const SIGNING_KEYS = 'signing keys';
const LOST_SIGNING_KEYS: Finding = {
  place: SIGNING_KEYS,
  kind: 'signing-key-differs',
  detail: 'the first row of the keys that signed checkpoints is missing',
};

/** Entries, personal values, tiles, heads and keys of the log, from head to head. */
@Injectable()
export class LogPart implements VerifiedPart {
  readonly name = 'log';
  /** The verified trees at the ends of the last slices, in the order of their use. */
  readonly #trees = new Map<number, TreeFrontier>();

  constructor(
    private readonly verifier: DatabaseVerifier,
    private readonly keys: LogKeys,
  ) {}

  async check(transaction: Transaction, position: PartPosition): Promise<CheckedSlice> {
    const size = await logSize(transaction);
    const { next, verified, signedFrom } = await confirmedPosition(transaction, position, size);
    const firstSigned = await firstSigningKeys(transaction);
    const isLost = signedFrom !== undefined && signedFrom < (firstSigned ?? Infinity);
    const end = next < size ? await sliceEnd(transaction, next) : size;
    const isComplete = end >= size;
    const from = isLost ? signedFrom : firstSigned;
    const known = {
      // The first pass checks all that was there when it began.
      verified: verified ?? size,
      ...(from !== undefined && { signedFrom: from }),
    };
    return {
      position: { ...known, next: isComplete ? 0 : end },
      slice: { ...known, next },
      progress: isComplete ? 1 : end / size,
      isComplete,
      found: [
        ...(isLost ? [LOST_SIGNING_KEYS] : []),
        ...(await this.#verify(transaction, next, end, size)),
      ],
      isChecked: placesWithin(next === 0 ? undefined : next, isComplete ? undefined : end),
    };
  }

  async checkNew(
    transaction: Transaction,
    position: PartPosition,
  ): Promise<CheckedPlaces | undefined> {
    const size = await logSize(transaction);
    const { verified } = await confirmedPosition(transaction, position, size);
    if (verified === undefined || verified >= size) return undefined;
    const end = await sliceEnd(transaction, verified);
    const isWithin = placesWithin(verified, end);
    return {
      position: { ...position, verified: end },
      slice: { ...position, next: verified },
      found: await this.#verify(transaction, verified, end, size),
      isChecked: (place) => place !== SIGNING_KEYS && isWithin(place),
    };
  }

  async #verify(
    transaction: Transaction,
    start: number,
    end: number,
    size: number,
  ): Promise<readonly Finding[]> {
    if (start >= size) return [];
    const trust = await this.keys.trust(transaction);
    const slice = { place: String(start), what: `the slice of entries from ${start} on` };
    return checkOrReport(transaction, slice, async (inner) => {
      const { frontier, faults } = await this.verifier.verifySlice(inner, {
        ...trust,
        start: this.#trees.get(start) ?? start,
        end,
        isNewest: end === size,
        causeLimit: MAX_FAULTS_OF_CAUSE,
      });
      this.#trees.delete(start);
      if (faults.length === 0) this.#trees.set(end, frontier);
      for (const oldest of this.#trees.keys()) if (this.#trees.size > 2) this.#trees.delete(oldest);
      return faults.map((fault) => toFinding(fault, start));
    });
  }
}

/** What the log confirms of a position. */
interface LogPosition {
  readonly next: number;
  /** Absent before the first pass. */
  readonly verified?: number;
  /** The first size from which on the table says which keys sign. */
  readonly signedFrom?: number;
}

/** A slice begins where a head ends. Any other position is that of nobody, so that the checks begin anew. */
async function confirmedPosition(
  transaction: Transaction,
  position: PartPosition,
  size: number,
): Promise<LogPosition> {
  const [next, verified, signedFrom] = [position.next, position.verified, position.signedFrom];
  const [row] = await transaction.query<Record<'isNext' | 'isVerified' | 'isSigned', boolean>[]>(
    `SELECT $1::bigint = 0 OR EXISTS (SELECT FROM audit_head WHERE size = $1::bigint) AS "isNext",
       $2::bigint = 0 OR EXISTS (SELECT FROM audit_head WHERE size = $2::bigint) AS "isVerified",
       EXISTS (SELECT FROM audit_head WHERE from_size = $3::bigint) AS "isSigned"`,
    [next, verified, signedFrom].map((value) => (Number.isSafeInteger(value) ? value : null)),
  );
  const signed = row?.isSigned === true && { signedFrom: Number(signedFrom) };
  const isRight = row?.isNext === true && row.isVerified && Number(verified) <= size;
  return {
    ...(isRight ? { next: Number(next), verified: Number(verified) } : { next: 0 }),
    ...signed,
  };
}

/** How many of the first entries were verified since they were added; absent before the first check. */
export function verifiedEntries({ verified }: PartPosition): number | undefined {
  return Number.isSafeInteger(verified) ? Number(verified) : undefined;
}

function toFinding({ kind, index, endIndex, detail }: AuditFault, start: number): Finding {
  const where = endIndex > index + 1 ? `entries ${index} to ${endIndex - 1}` : `entry ${index}`;
  return { place: String(start), kind, detail: `${where}: ${detail}`, cause: `${kind}: ${detail}` };
}

/** The last size of a head within a slice, at least that of the next head. */
async function sliceEnd(transaction: Transaction, start: number): Promise<number> {
  const [row] = await transaction.query<{ end: string }[]>(
    `SELECT coalesce(
       (SELECT max(size) FROM audit_head WHERE size > $1 AND size <= $2),
       (SELECT min(size) FROM audit_head WHERE size > $1 AND ${IS_SIZE})
     ) AS end`,
    [start, start + SLICE_ENTRIES],
  );
  return Number(row?.end);
}

async function firstSigningKeys(transaction: Transaction): Promise<number | undefined> {
  const [row] = await transaction.query<{ first: string | null }[]>(
    'SELECT min(from_size) AS first FROM audit_signing_keys WHERE from_size >= 0',
  );
  return row?.first == null ? undefined : Number(row.first);
}
