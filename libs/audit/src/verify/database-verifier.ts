import { Injectable } from '@nestjs/common';
import { Database, TimeSlices, type Transaction } from '#libs/platform';
import {
  type Checkpoint,
  type CheckpointTrust,
  hashLeaf,
  TreeFrontier,
  type TreeHead,
} from '#libs/transparency-log';
import type { AuditEntry } from '../entry/audit-entry.js';
import { bufferOf, tilesOver } from '../postgres/log-queries.js';
import { type AuditFault, AuditFaults, CONTRADICTION, SHORTENED } from './audit-fault.js';
import { DerivedCheck } from './derived-check.js';
import { EntryCheck, type TenantSubject } from './entry-check.js';
import { EntrySequence } from './entry-sequence.js';
import { HeadChainCheck } from './head-chain-check.js';
import { checkKnownCheckpoints } from './known-checkpoints.js';
import { retiredBelowIn } from './retired-entries.js';
import { storedFrontier, trustedFrontier } from './stored-frontier.js';
import { type Position, type Query, storedEntries, storedTime } from './stored-rows.js';

/** What to verify the log with, and from where. */
export interface VerifyRequest extends CheckpointTrust {
  /** Checkpoints from elsewhere, of any sizes, which the log must continue. */
  readonly known: readonly Checkpoint[];
  /** Start after this checkpoint, which was verified before. Default: the whole log. */
  readonly since?: Checkpoint;
  /** Stop after this number of faults. Default: 100. */
  readonly faultLimit?: number;
  readonly onProgress?: (verified: number, total: number) => void;
}

/** What a verification found. */
export interface VerifyReport {
  readonly size: number;
  /** Root of the tree over the stored hashes. */
  readonly root: Buffer;
  /** Entries below this index are retired: only their hashes could be verified. */
  readonly retiredBelow: number;
  /** In the order of the entries; empty when nothing is wrong. The first has the first bad index. */
  readonly faults: readonly AuditFault[];
}

/** A part of the log, from one head to another. */
export interface SliceRequest extends CheckpointTrust {
  /** The tree at the first head, which was verified before. Absent: it is read from the stored hashes. */
  readonly start: number | TreeFrontier;
  /** The size at which the last head of the slice ends. */
  readonly end: number;
  /** Whether the log has no later head: then also what lies behind it is checked. */
  readonly isNewest: boolean;
  /** Keep this number of faults of one kind and detail. */
  readonly causeLimit: number;
}

/** What is wrong in a slice, and the tree at its end. */
export interface VerifiedSlice {
  readonly frontier: TreeFrontier;
  readonly faults: readonly AuditFault[];
}

/**
 * Verifies the log in its database: every entry, column, personal value, tile, head and signature. Reads
 * one snapshot, so the log may grow meanwhile.
 */
@Injectable()
export class DatabaseVerifier {
  constructor(private readonly database: Database) {}

  async verify(request: VerifyRequest): Promise<VerifyReport> {
    return this.database.transaction(async (transaction) => {
      await transaction.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      return this.verifyIn(transaction, request);
    });
  }

  /** As `verify`, in a transaction of the caller. */
  async verifyIn(transaction: Transaction, request: VerifyRequest): Promise<VerifyReport> {
    const query: Query = async (sql, parameters = []) => transaction.query(sql, [...parameters]);
    const faults = new AuditFaults(request.faultLimit ?? 100);
    const { since, known } = request;
    const start = await storedFrontier(transaction, since?.size ?? 0);
    if (!start || (since && Buffer.compare(start.root(), since.root) !== 0)) {
      const detail = start ? CONTRADICTION : SHORTENED;
      faults.add('checkpoint-contradicted', 0, detail, since?.size);
      const root = bufferOf((start ?? TreeFrontier.empty()).root());
      return { size: start?.size ?? 0, root, retiredBelow: 0, faults: faults.sorted() };
    }
    return new Verification(query, request, faults, start).run(async (verified) =>
      checkKnownCheckpoints(known, verified, tilesOver(transaction), faults),
    );
  }

  /**
   * Verifies what lies in a slice of the log, as `verify` does, except for the statistics, whose hours have
   * other bounds.
   */
  async verifySlice(transaction: Transaction, request: SliceRequest): Promise<VerifiedSlice> {
    const query: Query = async (sql, parameters = []) => transaction.query(sql, [...parameters]);
    const faults = new AuditFaults(Infinity, request.causeLimit);
    const start =
      typeof request.start === 'number'
        ? await trustedFrontier(transaction, request.start)
        : request.start;
    const end = request.isNewest ? undefined : request.end;
    const verification = new Verification(query, { ...request, known: [] }, faults, start, end);
    return verification.runSlice();
  }
}

class Verification {
  readonly #query: Query;
  readonly #request: VerifyRequest;
  readonly #faults: AuditFaults;
  readonly #start: number;
  readonly #headChain: HeadChainCheck;
  readonly #entryCheck: EntryCheck;
  readonly #derived: DerivedCheck;
  readonly #slices = new TimeSlices();
  readonly #end: number | undefined;

  /** @param end of a slice, at which a head ends. Default: the end of the log */
  constructor(
    query: Query,
    request: VerifyRequest,
    faults: AuditFaults,
    start: TreeFrontier,
    end?: number,
  ) {
    this.#query = query;
    this.#request = request;
    this.#faults = faults;
    this.#start = start.size;
    this.#end = end;
    this.#headChain = new HeadChainCheck(query, request, faults, start, end);
    this.#entryCheck = new EntryCheck(faults);
    this.#derived = new DerivedCheck(query, faults);
  }

  /** @param checkKnown compares the verified tree with the known checkpoints */
  async run(checkKnown: (verified: TreeHead) => Promise<void>): Promise<VerifyReport> {
    const retiredBelow = await retiredBelowIn(this.#query);
    const total = await this.#total();
    const entries = await this.#entries();
    const first = Math.max(this.#start, retiredBelow);
    await this.#checkRanges(first, entries, total);
    if (this.#faults.isFull) return this.#report(retiredBelow);
    const { frontier } = this.#headChain;
    await checkKnown({ size: frontier.size, root: frontier.root() });
    await entries.finish(frontier.size);
    await this.#derived.checkTiles(this.#headChain.frontier.size);
    // Wrong entries make derived values wrong too; reporting those would point elsewhere.
    if (this.#faults.hasEntryFault) return this.#report(retiredBelow);
    await this.#entryCheck.finish(async () => Promise.resolve(false));
    await this.#derived.finish(first, this.#headChain.frontier.size);
    return this.#report(retiredBelow);
  }

  /** As `run`, for the entries up to the end of the slice. */
  async runSlice(): Promise<VerifiedSlice> {
    const entries = await this.#entries();
    const first = Math.max(this.#start, await retiredBelowIn(this.#query));
    await this.#checkRanges(first, entries);
    const { frontier } = this.#headChain;
    await entries.finish(frontier.size);
    if (this.#end === undefined) await this.#derived.checkTiles(frontier.size);
    if (!this.#faults.hasEntryFault) {
      await this.#entryCheck.finish(async (person, index) => this.#isErasedAfter(person, index));
      await this.#derived.checkKeys(first, this.#end);
    }
    return { frontier, faults: this.#faults.sorted() };
  }

  async #checkRanges(first: number, entries: EntrySequence, total = 0): Promise<void> {
    for await (const { from, hashes, at } of this.#headChain.leafHashRanges()) {
      let last: AuditEntry | undefined;
      for (const [nth, hash] of hashes.entries()) {
        if (from + nth < first) continue;
        last = await this.#checkEntry(from + nth, hash, entries);
      }
      const end = from + hashes.length;
      if (last && at !== undefined && at !== storedTime(last.recordedAt)) {
        this.#faults.add('head-differs', from, 'time', end);
      }
      this.#request.onProgress?.(end, total);
      if (this.#faults.isFull) return;
    }
  }

  async #checkEntry(
    index: number,
    hash: Uint8Array,
    entries: EntrySequence,
  ): Promise<AuditEntry | undefined> {
    if (this.#slices.isOver) await this.#slices.next();
    const row = await entries.take(index);
    if (!row) {
      this.#faults.add('entry-missing', index, 'no row has this index');
      return undefined;
    }
    const hasSignedHash = Buffer.compare(hashLeaf(row.leaf), hash) === 0;
    if (!hasSignedHash) {
      this.#faults.add('entry-differs', index, 'the bytes do not have the signed hash');
    }
    const entry = this.#entryCheck.check(row);
    if (entry) this.#derived.add(index, entry);
    return hasSignedHash ? entry : undefined;
  }

  #report(retiredBelow: number): VerifyReport {
    const { frontier } = this.#headChain;
    return {
      size: frontier.size,
      root: bufferOf(frontier.root()),
      retiredBelow,
      faults: this.#faults.sorted(),
    };
  }

  async #entries(): Promise<EntrySequence> {
    const from = await this.#positionOf(this.#start);
    const end = this.#end === undefined ? undefined : await this.#positionOf(this.#end);
    const onStray = ({ index }: { readonly index: number }): void => {
      this.#faults.add('personal-added', index, 'values without an entry');
    };
    const rows = storedEntries(this.#query, from, onStray, end);
    return new EntrySequence(rows, this.#faults, this.#start);
  }

  /** Of the last entry before a head ends; `undefined` at the start of the log. */
  async #positionOf(size: number): Promise<Position | undefined> {
    if (size === 0) return undefined;
    const [head] = await this.#query<{ at: string }>(
      `SELECT (recorded_at AT TIME ZONE 'UTC')::text AS at FROM audit_head WHERE size = $1`,
      [size],
    );
    return head && { at: head.at, index: size - 1 };
  }

  async #isErasedAfter({ tenant, subject }: TenantSubject, index: number): Promise<boolean> {
    const rows = await this.#query(
      `SELECT 1 FROM audit_entry WHERE action = 'audit.erase' AND outcome = 'success'
         AND target_tenant = $1 AND target_subject = $2 AND entry_index > $3 LIMIT 1`,
      [tenant, subject, index],
    );
    return rows.length > 0;
  }

  async #total(): Promise<number> {
    const [row] = await this.#query<{ size: string | null }>(
      'SELECT max(size) AS size FROM audit_head',
    );
    return Number(row?.size ?? 0);
  }
}
