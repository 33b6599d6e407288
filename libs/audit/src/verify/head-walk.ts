import {
  type Appended,
  type Checkpoint,
  hashLeaf,
  type NoteVerifier,
  openCheckpoint,
  type Tile,
  TILE_WIDTH,
  TransparencyLogError,
  type TreeFrontier,
} from '#libs/transparency-log';
import { rootOf } from '../log-tables.js';
import type { AuditFaults } from './audit-fault.js';
import { type Query, type StoredHead, storedHeads } from './stored-rows.js';

const hashBytes = 32;

/** The hashes of neighbouring entries, as the signed roots confirm them. */
export interface HashRun {
  readonly from: number;
  readonly hashes: readonly Buffer[];
  /** The stored time of the head that they came with; absent when the head is. */
  readonly at: string | undefined;
}

/** What heads are held against. */
export interface LogTrust {
  readonly origin: string;
  readonly verifiers: readonly NoteVerifier[];
  /** Checkpoints that are known from elsewhere, which the log must continue. */
  readonly known: readonly Checkpoint[];
}

/**
 * Walks the heads, hashing the tree again. Where the hashes of a head don't give its signed root,
 * the tiles and the entries are asked, so that the row that was changed is told from those that were
 * not.
 */
export class HeadWalk {
  #edge: TreeFrontier;
  /** From some entry on nothing can be told from a forgery: what follows would only repeat that. */
  #isLost = false;

  constructor(
    private readonly query: Query,
    private readonly trust: LogTrust,
    private readonly faults: AuditFaults,
    start: TreeFrontier,
  ) {
    this.#edge = start;
  }

  /** The tree over everything that was walked. */
  get edge(): TreeFrontier {
    return this.#edge;
  }

  async *runs(): AsyncGenerator<HashRun> {
    for await (const head of storedHeads(this.query, this.#edge.size)) {
      const { size } = this.#edge;
      if (head.from !== size) {
        if (head.from < size || (await this.#hasHeadAfter(size))) {
          this.faults.add('head-added', head.from, 'the head continues no other', head.size);
          continue;
        }
        yield await this.#fillGap(head.from);
      }
      yield await this.#take(head);
    }
    for (const { size } of this.trust.known) {
      if (size <= this.#edge.size) continue;
      const end = this.#edge.size;
      this.faults.add('checkpoint-contradicted', end, 'the log is shorter than it was', size);
    }
  }

  async #take(head: StoredHead): Promise<HashRun> {
    const { from, size } = head;
    const root = this.#signedRoot(head);
    if (!root) this.faults.add('head-differs', from, 'checkpoint', size);
    const wanted = root ?? head.root;
    if (!head.root.equals(wanted)) this.faults.add('head-differs', from, 'root', size);
    const stored = split(head.leafHashes);
    const { hashes, appended } = await this.#confirmed(head, stored, wanted);
    await this.#append(appended);
    const { known } = this.trust;
    if (known.some((other) => other.size === size && !Buffer.from(other.root).equals(wanted))) {
      this.faults.add('checkpoint-contradicted', 0, 'the log is another one than it was', size);
    }
    return { from, hashes, at: head.at };
  }

  async #confirmed(
    { from, size }: StoredHead,
    stored: readonly Buffer[],
    wanted: Buffer,
  ): Promise<{ hashes: readonly Buffer[]; appended: Appended }> {
    const appended = this.#edge.append(stored);
    const isWhole = stored.length === size - from;
    if (this.#isLost || (isWhole && appended.frontier.root().equals(wanted))) {
      return { hashes: stored, appended };
    }
    const others = [await this.#hashesInTiles(from, size), await this.#hashesOfEntries(from, size)];
    for (const hashes of others) {
      const other = this.#edge.append(hashes);
      if (hashes.length !== size - from || !other.frontier.root().equals(wanted)) continue;
      const at = hashes.findIndex((hash, nth) => stored[nth]?.equals(hash) !== true);
      this.faults.add('head-differs', from + at, 'leaf hashes');
      return { hashes, appended: other };
    }
    this.faults.add('entry-differs', from, 'nothing stored gives the root', size);
    this.#isLost = true;
    return { hashes: stored, appended };
  }

  async #fillGap(end: number): Promise<HashRun> {
    const from = this.#edge.size;
    this.faults.add('head-missing', from, 'no head commits to these entries', end);
    const inTiles = await this.#hashesInTiles(from, end);
    const hashes = inTiles.length === end - from ? inTiles : await this.#hashesOfEntries(from, end);
    const run = hashes.slice(0, end - from);
    await this.#append(this.#edge.append(run));
    return { from, hashes: run, at: undefined };
  }

  async #append(appended: Appended): Promise<void> {
    this.#edge = appended.frontier;
    if (this.#isLost) return;
    const byLevel = Map.groupBy(appended.completedTiles, ({ level }) => level);
    for (const [level, tiles] of byLevel) {
      const stored = await this.query<{ tile_index: string; hashes: Buffer; root: Buffer }>(
        `SELECT tile_index, hashes, root FROM audit_tile
         WHERE level = $1 AND tile_index BETWEEN $2 AND $3`,
        [level, tiles[0]?.index, tiles.at(-1)?.index],
      );
      const byIndex = new Map(stored.map((row) => [Number(row.tile_index), row]));
      for (const tile of tiles)
        this.#checkTile(tile, byIndex.get(tile.index), rootOf(tile, appended));
    }
  }

  #checkTile(tile: Tile, stored: { hashes: Buffer; root: Buffer } | undefined, root: Buffer): void {
    const leaves = TILE_WIDTH ** tile.level;
    const first = tile.index * TILE_WIDTH * leaves;
    const end = first + TILE_WIDTH * leaves;
    if (!stored) {
      this.faults.add('tile-missing', first, `level ${tile.level}`, end);
      return;
    }
    const at = split(tile.hashes).findIndex(
      (hash, nth) => !hash.equals(stored.hashes.subarray(nth * hashBytes, (nth + 1) * hashBytes)),
    );
    if (at >= 0) {
      const index = first + at * leaves;
      this.faults.add('tile-differs', index, `level ${tile.level}`, index + leaves);
    } else if (!stored.root.equals(root)) {
      this.faults.add('tile-differs', first, `root of level ${tile.level}`, end);
    }
  }

  #signedRoot({ checkpoint, size }: StoredHead): Buffer | undefined {
    try {
      const opened = openCheckpoint(checkpoint, this.trust).checkpoint;
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
    const hashes = split(Buffer.concat(rows.map((row) => row.hashes)));
    return first <= from ? hashes.slice(from - first, end - first) : [];
  }

  /** Slow, since entries have no index by place alone; asked for only when something is wrong. */
  async #hashesOfEntries(from: number, end: number): Promise<Buffer[]> {
    const rows = await this.query<{ leaf: Buffer }>(
      'SELECT leaf FROM audit_entry WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index',
      [from, end],
    );
    return rows.map(({ leaf }) => hashLeaf(leaf));
  }
}

function split(hashes: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(hashes.length / hashBytes) }, (_, nth) =>
    hashes.subarray(nth * hashBytes, (nth + 1) * hashBytes),
  );
}
