import {
  type Appended,
  type CheckpointTrust,
  HASH_BYTES,
  hashLeaf,
  openCheckpoint,
  type Tile,
  TILE_WIDTH,
  TransparencyLogError,
  type TreeFrontier,
} from '#libs/transparency-log';
import { tileRoot } from '../postgres/append-statements.js';
import { splitHashes } from '../postgres/log-queries.js';
import type { AuditFaults } from './audit-fault.js';
import { SigningKeysCheck } from './signing-keys-check.js';
import { type Query, type StoredHead, storedHeads } from './stored-rows.js';

/** The leaf hashes that one head added, as the signed roots confirm them. */
export interface LeafHashRange {
  readonly from: number;
  readonly hashes: readonly Uint8Array[];
  /** The stored time of the head; absent when the head is missing. */
  readonly at: string | undefined;
}

/**
 * Verifies the chain of heads by hashing the tree again, with their tiles and checkpoints. Where the
 * hashes of a head don't give its signed root, those of tiles and entries are tried, to find out which
 * row was changed.
 */
export class HeadChainCheck {
  #frontier: TreeFrontier;
  /** After hashes that nothing confirms, all later roots differ: these faults would only repeat. */
  #isUnconfirmable = false;

  constructor(
    private readonly query: Query,
    private readonly trust: CheckpointTrust,
    private readonly faults: AuditFaults,
    start: TreeFrontier,
    private readonly until?: number,
  ) {
    this.#frontier = start;
  }

  /** The frontier of the tree over all ranges so far. */
  get frontier(): TreeFrontier {
    return this.#frontier;
  }

  /** The leaf hashes of all heads, in order and without gaps. */
  async *leafHashRanges(): AsyncGenerator<LeafHashRange> {
    const keys = await SigningKeysCheck.load(this.query, this.faults, this.#frontier.size);
    let newest: StoredHead | undefined;
    for await (const head of storedHeads(this.query, this.#frontier.size, this.until)) {
      const { size } = this.#frontier;
      const isOfLog = head.from >= 0 && head.size <= Number.MAX_SAFE_INTEGER;
      if (!isOfLog) {
        this.faults.add('head-added', size, 'a head of a size that no log has');
        continue;
      }
      if (head.from !== size) {
        if (head.from < size || (await this.#hasHeadAfter(size))) {
          this.faults.add('head-added', head.from, 'the head continues no other', head.size);
          continue;
        }
        yield await this.#fillGap(head.from);
      }
      yield await this.#checkHead(head, keys);
      newest = head;
    }
    if (this.until !== undefined) return;
    keys.finish();
    // A key is retired by a newer checkpoint of another key, so this log was cut.
    if (
      newest &&
      this.#signedRoot(newest) &&
      !this.#signedRoot(newest, { ...this.trust, retired: [] })
    ) {
      this.faults.add('head-differs', newest.from, 'a retired key signed the newest', newest.size);
    }
  }

  async #checkHead(head: StoredHead, keys: SigningKeysCheck): Promise<LeafHashRange> {
    const { from, size } = head;
    const signedRoot = this.#signedRoot(head);
    if (signedRoot) keys.check(head);
    else this.faults.add('head-differs', from, 'checkpoint', size);
    const root = signedRoot ?? head.root;
    if (!head.root.equals(root)) this.faults.add('head-differs', from, 'root', size);
    const { hashes, appended } = await this.#confirmHashes(head, root);
    await this.#append(appended);
    return { from, hashes, at: head.at };
  }

  /** The leaf hashes that give the root: those of the head, else those of tiles or entries. */
  async #confirmHashes(
    { from, size, leafHashes }: StoredHead,
    root: Buffer,
  ): Promise<{ hashes: readonly Uint8Array[]; appended: Appended }> {
    const stored = splitHashes(leafHashes);
    const appended = this.#frontier.append(stored);
    const isComplete = stored.length === size - from;
    if (this.#isUnconfirmable || (isComplete && root.equals(appended.frontier.root()))) {
      return { hashes: stored, appended };
    }
    const others = [await this.#hashesInTiles(from, size), await this.#hashesOfEntries(from, size)];
    for (const hashes of others) {
      const other = this.#frontier.append(hashes);
      if (hashes.length !== size - from || !root.equals(other.frontier.root())) continue;
      const at = hashes.findIndex((hash, nth) => stored[nth]?.equals(hash) !== true);
      this.faults.add('head-differs', from + at, 'leaf hashes');
      return { hashes, appended: other };
    }
    this.faults.add('entry-differs', from, 'no stored hashes give the root', size);
    this.#isUnconfirmable = true;
    return { hashes: stored, appended };
  }

  async #fillGap(end: number): Promise<LeafHashRange> {
    const from = this.#frontier.size;
    this.faults.add('head-missing', from, 'no head commits to these entries', end);
    const inTiles = await this.#hashesInTiles(from, end);
    const found = inTiles.length === end - from ? inTiles : await this.#hashesOfEntries(from, end);
    const hashes = found.slice(0, end - from);
    await this.#append(this.#frontier.append(hashes));
    return { from, hashes, at: undefined };
  }

  async #append(appended: Appended): Promise<void> {
    this.#frontier = appended.frontier;
    if (this.#isUnconfirmable) return;
    const byLevel = Map.groupBy(appended.completedTiles, ({ level }) => level);
    for (const [level, tiles] of byLevel) {
      const stored = await this.query<{ tile_index: string; hashes: Buffer; root: Buffer }>(
        `SELECT tile_index, hashes, root FROM audit_tile
         WHERE level = $1 AND tile_index BETWEEN $2 AND $3`,
        [level, tiles[0]?.index, tiles.at(-1)?.index],
      );
      const byIndex = new Map(stored.map((row) => [Number(row.tile_index), row]));
      for (const tile of tiles) {
        this.#checkTile(tile, byIndex.get(tile.index), tileRoot(tile, appended));
      }
    }
  }

  #checkTile(
    tile: Tile,
    stored: { hashes: Buffer; root: Buffer } | undefined,
    root: Uint8Array,
  ): void {
    const leaves = TILE_WIDTH ** tile.level;
    const first = tile.index * TILE_WIDTH * leaves;
    const end = first + TILE_WIDTH * leaves;
    if (!stored) {
      this.faults.add('tile-missing', first, `level ${tile.level}`, end);
      return;
    }
    const at = splitHashes(tile.hashes).findIndex(
      (hash, nth) => !hash.equals(stored.hashes.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES)),
    );
    if (at >= 0) {
      const index = first + at * leaves;
      this.faults.add('tile-differs', index, `level ${tile.level}`, index + leaves);
    } else if (!stored.root.equals(root)) {
      this.faults.add('tile-differs', first, `root of level ${tile.level}`, end);
    }
  }

  #signedRoot({ checkpoint, size }: StoredHead, trust = this.trust): Buffer | undefined {
    try {
      const opened = openCheckpoint(checkpoint, trust).checkpoint;
      return opened.size === size ? Buffer.from(opened.root) : undefined;
    } catch (error) {
      if (error instanceof TransparencyLogError) return undefined;
      throw error;
    }
  }

  async #hasHeadAfter(size: number): Promise<boolean> {
    const rows = await this.query('SELECT 1 FROM audit_head WHERE from_size = $1 AND size > $1', [
      size,
    ]);
    return rows.length > 0;
  }

  async #hashesInTiles(from: number, end: number): Promise<Buffer[]> {
    const rows = await this.query<{ tile_index: string; hashes: Buffer }>(
      `SELECT tile_index, hashes FROM audit_tile
       WHERE level = 0 AND tile_index BETWEEN $1 AND $2 ORDER BY tile_index`,
      [Math.floor(from / TILE_WIDTH), Math.floor((end - 1) / TILE_WIDTH)],
    );
    const first = Number(rows[0]?.tile_index ?? 0) * TILE_WIDTH;
    const hashes = splitHashes(Buffer.concat(rows.map((row) => row.hashes)));
    return first <= from ? hashes.slice(from - first, end - first) : [];
  }

  /** Slow, because entries have no index by `entry_index` alone; needed only after a fault. */
  async #hashesOfEntries(from: number, end: number): Promise<Uint8Array[]> {
    const rows = await this.query<{ leaf: Buffer }>(
      'SELECT leaf FROM audit_entry WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index',
      [from, end],
    );
    return rows.map(({ leaf }) => hashLeaf(leaf));
  }
}
