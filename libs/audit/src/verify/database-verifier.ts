import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform';
import {
  type Checkpoint,
  type CheckpointTrust,
  HASH_BYTES,
  hashLeaf,
  MalformedTile,
  partialTilesOf,
  TreeFrontier,
  type TreeHead,
} from '#libs/transparency-log';
import { type AuditEntry, tryParseAuditEntry } from '../entry/audit-entry.js';
import { bufferOf, readTile } from '../postgres/log-queries.js';
import { type AuditFault, AuditFaults, CONTRADICTION, SHORTENED } from './audit-fault.js';
import { DerivedCheck } from './derived-check.js';
import { EntryCheck } from './entry-check.js';
import { EntrySequence } from './entry-sequence.js';
import { HeadChainCheck } from './head-chain-check.js';
import { checkKnownCheckpoints } from './known-checkpoints.js';
import { type Query, storedEntries, storedTime } from './stored-rows.js';

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
      checkKnownCheckpoints(
        known,
        verified,
        async (address) => readTile(transaction, address),
        faults,
      ),
    );
  }
}

/** The frontier over the stored hashes. @returns `undefined` when the log has fewer */
async function storedFrontier(
  transaction: Transaction,
  size: number,
): Promise<TreeFrontier | undefined> {
  const tiles = [];
  for (const address of partialTilesOf(size)) {
    tiles.push({ ...address, hashes: await readTile(transaction, address) });
  }
  try {
    return TreeFrontier.fromTiles(size, tiles);
  } catch (error) {
    if (error instanceof MalformedTile) return undefined;
    throw error;
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

  constructor(query: Query, request: VerifyRequest, faults: AuditFaults, start: TreeFrontier) {
    this.#query = query;
    this.#request = request;
    this.#faults = faults;
    this.#start = start.size;
    this.#headChain = new HeadChainCheck(query, request, faults, start);
    this.#entryCheck = new EntryCheck(faults);
    this.#derived = new DerivedCheck(query, faults);
  }

  /** @param checkKnown compares the verified tree with the known checkpoints */
  async run(checkKnown: (verified: TreeHead) => Promise<void>): Promise<VerifyReport> {
    const retiredBelow = await this.#retiredBelow();
    const total = await this.#total();
    const entries = await this.#entries();
    const first = Math.max(this.#start, retiredBelow);
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
      if (this.#faults.isFull) return this.#report(retiredBelow);
    }
    const { frontier } = this.#headChain;
    await checkKnown({ size: frontier.size, root: frontier.root() });
    await entries.finish(frontier.size);
    await this.#derived.checkTiles(this.#headChain.frontier.size);
    // Wrong entries make derived values wrong too; reporting those would point elsewhere.
    if (this.#faults.hasEntryFault) return this.#report(retiredBelow);
    this.#entryCheck.finish();
    await this.#derived.finish(first, this.#headChain.frontier.size);
    return this.#report(retiredBelow);
  }

  async #checkEntry(
    index: number,
    hash: Uint8Array,
    entries: EntrySequence,
  ): Promise<AuditEntry | undefined> {
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
    const [head] = await this.#query<{ at: string }>(
      `SELECT (recorded_at AT TIME ZONE 'UTC')::text AS at FROM audit_head WHERE size = $1`,
      [this.#start],
    );
    const from = head && { at: head.at, index: this.#start - 1 };
    const rows = storedEntries(this.#query, from, ({ index }) => {
      this.#faults.add('personal-added', index, 'values without an entry');
    });
    return new EntrySequence(rows, this.#faults, this.#start);
  }

  async #total(): Promise<number> {
    const [row] = await this.#query<{ size: string | null }>(
      'SELECT max(size) AS size FROM audit_head',
    );
    return Number(row?.size ?? 0);
  }

  /** The index that the newest `audit.retain` entry of the tree names. */
  async #retiredBelow(): Promise<number> {
    const rows = await this.#query<{ entry_index: string; leaf: Buffer }>(
      `SELECT entry_index, leaf FROM audit_entry
       WHERE action = 'audit.retain' AND outcome = 'success' ORDER BY entry_index DESC LIMIT 100`,
    );
    for (const { entry_index: text, leaf } of rows) {
      const index = Number(text);
      const [run] = await this.#query<{ from_size: string; leaf_hashes: Buffer }>(
        'SELECT from_size, leaf_hashes FROM audit_head WHERE size > $1 AND from_size <= $1 ORDER BY size LIMIT 1',
        [index],
      );
      const offset = (index - Number(run?.from_size ?? 0)) * HASH_BYTES;
      const isInLog =
        run?.leaf_hashes.subarray(offset, offset + HASH_BYTES).equals(hashLeaf(leaf)) ?? false;
      const below = isInLog ? tryParseAuditEntry(leaf)?.details?.firstIndex : undefined;
      if (typeof below === 'number' && below <= index) return below;
    }
    return 0;
  }
}
