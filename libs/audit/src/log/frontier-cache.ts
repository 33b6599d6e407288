import type { Transaction } from '#libs/platform';
import {
  emptyRoot,
  partialTilesOf,
  ProofMismatch,
  type Tile,
  TreeFrontier,
  verifyContinuation,
} from '#libs/transparency-log';
import { LogDamaged } from '../errors.js';
import type { LogHead } from '../postgres/append-statements.js';
import { readLeafHashes, readTile } from '../postgres/log-queries.js';

/** Beyond this many entries of other processes, reading the frontier's tiles is cheaper. */
const MAX_FOLLOWED_ENTRIES = 20_000;

/** The frontier of the log's tree, kept in memory between the commits of this and other processes. */
export class FrontierCache {
  #frontier: TreeFrontier | undefined;

  /**
   * The frontier at the stored head. Entries of other processes are followed hash by hash, or by a
   * consistency proof when they are many, so that a database that was changed or rolled back is noticed
   * before a checkpoint is signed on top of it.
   *
   * @throws LogDamaged when the stored log does not continue the log that was seen before
   */
  async frontierAt(head: LogHead | undefined, transaction: Transaction): Promise<TreeFrontier> {
    const size = head?.size ?? 0;
    const root = head?.root ?? emptyRoot();
    const frontier = await this.#advanceTo(size, transaction);
    if (!frontier.root().equals(root)) {
      throw new LogDamaged('the stored hashes do not give the stored root');
    }
    this.#frontier = frontier;
    return frontier;
  }

  /** Remembers the frontier after a commit. */
  remember(frontier: TreeFrontier): void {
    this.#frontier = frontier;
  }

  async #advanceTo(size: number, transaction: Transaction): Promise<TreeFrontier> {
    const known = this.#frontier;
    if (known && known.size > size) throw new LogDamaged('the log is shorter than before');
    if (known?.size === size) return known;
    if (known && size - known.size <= MAX_FOLLOWED_ENTRIES) {
      return known.append(await readLeafHashes(transaction, known.size, size)).frontier;
    }
    const tiles = [];
    for (const address of partialTilesOf(size)) {
      tiles.push({ ...address, hashes: await readTile(transaction, address) });
    }
    const stored = frontierOf(size, tiles);
    if (known) await assertContinues(known, stored, transaction);
    return stored;
  }
}

function frontierOf(size: number, tiles: readonly Tile[]): TreeFrontier {
  try {
    return TreeFrontier.fromTiles(size, tiles);
  } catch (cause) {
    throw new LogDamaged('tiles are missing', { cause });
  }
}

async function assertContinues(
  known: TreeFrontier,
  stored: TreeFrontier,
  transaction: Transaction,
): Promise<void> {
  const older = { size: known.size, root: known.root() };
  const newer = { size: stored.size, root: stored.root() };
  try {
    await verifyContinuation(older, newer, async (address) => readTile(transaction, address));
  } catch (cause) {
    if (!(cause instanceof ProofMismatch)) throw cause;
    throw new LogDamaged('the log is another one than before', { cause });
  }
}
