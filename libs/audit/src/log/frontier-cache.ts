import {
  emptyRoot,
  HASH_BYTES,
  partialTilesOf,
  ProofMismatch,
  type Tile,
  TreeFrontier,
  verifyContinuation,
} from '#libs/transparency-log';
import { LogDamaged } from '../errors.js';
import type { LogHead } from '../postgres/append-statements.js';
import {
  bufferOf,
  type LogQuery,
  readLeafHashes,
  readTile,
  tilesOver,
  splitHashes,
} from '../postgres/log-queries.js';

/** Beyond this many entries of other processes, reading the frontier's tiles is cheaper. */
export const MAX_FOLLOWED_ENTRIES = 20_000;

/** The head that this process has seen last, with its frontier. */
interface KnownHead {
  readonly frontier: TreeFrontier;
  readonly root: Buffer;
  readonly recordedAtMs: number;
}

/** The frontier of the log's tree, kept in memory between the commits of this and other processes. */
export class FrontierCache {
  #known: KnownHead | undefined;

  /** `undefined` until the head has been read once. */
  get known(): (KnownHead & LogHead) | undefined {
    return this.#known && { ...this.#known, size: this.#known.frontier.size };
  }

  /**
   * The frontier at the stored head. Entries of other processes are followed hash by hash, or by a
   * consistency proof when they are many, so that a database that was changed or rolled back is noticed
   * before a checkpoint is signed on top of it.
   *
   * @param followed leaf hashes that were read with the head, of entries behind the known head
   * @throws LogDamaged when the stored log does not continue the log that was seen before
   */
  async frontierAt(
    head: LogHead | undefined,
    transaction: LogQuery,
    followed: Buffer = Buffer.of(),
  ): Promise<TreeFrontier> {
    const size = head?.size ?? 0;
    const root = head?.root ?? bufferOf(emptyRoot());
    const frontier = await this.#advanceTo(size, transaction, followed);
    if (!root.equals(frontier.root())) {
      throw new LogDamaged('the stored hashes do not give the stored root');
    }
    this.#known = { frontier, root, recordedAtMs: head?.recordedAtMs ?? 0 };
    return frontier;
  }

  /** Remembers the head after a commit. */
  remember(head: KnownHead): void {
    this.#known = head;
  }

  async #advanceTo(size: number, transaction: LogQuery, followed: Buffer): Promise<TreeFrontier> {
    const known = this.#known?.frontier;
    if (known && known.size > size) throw new LogDamaged('the log is shorter than before');
    if (known?.size === size) return known;
    if (known && size - known.size <= MAX_FOLLOWED_ENTRIES) {
      const isComplete = followed.length === (size - known.size) * HASH_BYTES;
      const hashes = isComplete
        ? splitHashes(followed)
        : await readLeafHashes(transaction, known.size, size);
      return known.append(hashes).frontier;
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
  transaction: LogQuery,
): Promise<void> {
  const older = { size: known.size, root: known.root() };
  const newer = { size: stored.size, root: stored.root() };
  try {
    await verifyContinuation(older, newer, tilesOver(transaction));
  } catch (cause) {
    if (!(cause instanceof ProofMismatch)) throw cause;
    throw new LogDamaged('the log is another one than before', { cause });
  }
}
