import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/platform';
import type { CheckpointTrust, TreeFrontier } from '#libs/transparency-log';
import type { AuditFault } from '../verify/audit-fault.js';
import { DatabaseVerifier } from '../verify/database-verifier.js';
import {
  type CheckedSlice,
  type Finding,
  mergeFindings,
  type PartPosition,
  type PartState,
  type VerifiedPart,
} from './verified-part.js';

/** Entries of a slice, unless one commit had more. */
const SLICE_ENTRIES = 1_000;
/** Of a slice: what one edit may cause in many entries. */
const MAX_FAULTS_OF_CAUSE = 20;
const SIGNING_KEYS = 'signing keys';

/** Entries, personal values, tiles, heads and keys of the log, from head to head. */
@Injectable()
export class LogPart implements VerifiedPart {
  readonly name = 'log';
  /** The verified trees at the ends of the last slices, in the order of their use. */
  readonly #trees = new Map<number, TreeFrontier>();

  constructor(private readonly verifier: DatabaseVerifier) {}

  async check(
    transaction: Transaction,
    { position, findings }: PartState,
    trust: CheckpointTrust,
  ): Promise<CheckedSlice> {
    const size = await newestSize(transaction);
    const start = Number(position.next ?? 0);
    const keys = await signingKeyRows(transaction);
    const known = Number(position.signingKeys ?? 0);
    const others = mergeFindings(
      findings,
      (place) => place === SIGNING_KEYS,
      keys < known ? [missingKeys(known - keys)] : [],
    );
    const end = start < size ? await sliceEnd(transaction, start) : size;
    const found = start < size ? await this.#verify(transaction, start, end, size, trust) : [];
    const isComplete = end >= size;
    return {
      position: {
        ...position,
        next: isComplete ? 0 : end,
        signingKeys: Math.max(keys, known),
        // The first pass checks all that was there when it began.
        verified: position.verified ?? size,
      },
      progress: isComplete ? 1 : end / size,
      isComplete,
      findings: mergeFindings(others, isWithin(start, end), found),
    };
  }

  async checkNew(
    transaction: Transaction,
    { position, findings }: PartState,
    trust: CheckpointTrust,
  ): Promise<PartState> {
    const size = await newestSize(transaction);
    const start = Number(position.verified ?? size);
    if (start >= size) return { position, findings };
    const end = await sliceEnd(transaction, start);
    const found = await this.#verify(transaction, start, end, size, trust);
    return {
      position: { ...position, verified: end },
      findings: mergeFindings(findings, isWithin(start, end), found),
    };
  }

  async #verify(
    transaction: Transaction,
    start: number,
    end: number,
    size: number,
    trust: CheckpointTrust,
  ): Promise<Finding[]> {
    const { frontier, faults } = await this.verifier.verifySlice(transaction, {
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
  }
}

/** How many of the first entries were verified since they were added; absent before the first check. */
export function verifiedEntries({ verified }: PartPosition): number | undefined {
  return verified === undefined ? undefined : Number(verified);
}

function toFinding({ kind, index, endIndex, detail }: AuditFault, start: number): Finding {
  const where = endIndex > index + 1 ? `entries ${index} to ${endIndex - 1}` : `entry ${index}`;
  return { place: String(start), kind, detail: `${where}: ${detail}`, cause: `${kind}: ${detail}` };
}

function missingKeys(count: number): Finding {
  const detail = `${count} rows of the keys that signed checkpoints are missing`;
  return { place: SIGNING_KEYS, kind: 'signing-key-differs', detail };
}

/** Slices are those that begin in the range; its end belongs to it only when it is empty. */
function isWithin(start: number, end: number): (place: string) => boolean {
  return (place) => Number(place) >= start && Number(place) < Math.max(end, start + 1);
}

async function newestSize(transaction: Transaction): Promise<number> {
  const [row] = await transaction.query<{ size: string | null }[]>(
    'SELECT max(size) AS size FROM audit_head',
  );
  return Number(row?.size ?? 0);
}

/** The last size of a head within a slice, at least that of the next head. */
async function sliceEnd(transaction: Transaction, start: number): Promise<number> {
  const [row] = await transaction.query<{ end: string }[]>(
    `SELECT coalesce(
       (SELECT max(size) FROM audit_head WHERE size > $1 AND size <= $2),
       (SELECT min(size) FROM audit_head WHERE size > $1)
     ) AS end`,
    [start, start + SLICE_ENTRIES],
  );
  return Number(row?.end);
}

async function signingKeyRows(transaction: Transaction): Promise<number> {
  const [row] = await transaction.query<{ rows: string }[]>(
    'SELECT count(*) AS rows FROM audit_signing_keys',
  );
  return Number(row?.rows);
}
