import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Checkpoint,
  entriesPath,
  parseCheckpoint,
  parseNote,
  ProofMismatch,
  tilePath,
  TILE_WIDTH,
  tileWidthAt,
  type TileAddress,
  verifyContinuation,
} from '#libs/transparency-log';
import { CheckpointNotWitnessed, AuditEntryRetired, CopyContradicted } from '../errors.js';
import type { SignedHead } from '../postgres/log-queries.js';
import type { LogReader } from './log-reader.js';
import { errorCode } from '#libs/platform';

/** What a copy of the log is read from: the database or the HTTP API. */
export type LogSource = Pick<LogReader, 'checkpoint' | 'resource'> & {
  /** @throws CheckpointNotWitnessed when there is none */
  witnessedCheckpoint(): Promise<SignedHead>;
};

const CHECKPOINT = 'checkpoint';
/** What a copy that is under way, or was interrupted, will have as its checkpoint. */
const PENDING_CHECKPOINT = 'checkpoint.pending';
const WITNESSED_CHECKPOINT = 'checkpoint.witnessed';

/** A copy of the log as files with the paths of C2SP tlog-tiles: `checkpoint`, `tile/…`, `tile/entries/…`. */
export class TileDirectory {
  constructor(readonly path: string) {}

  /** The signed checkpoint; `undefined` when the folder has no copy yet. */
  checkpoint(): string | undefined {
    return this.#read(CHECKPOINT)?.toString();
  }

  /** The newest checkpoint with a quorum of witnesses that the copy has; of a size up to its own. */
  witnessedCheckpoint(): string | undefined {
    return this.#read(WITNESSED_CHECKPOINT)?.toString();
  }

  /** The hashes of a tile, read from the full tile where there is one; `undefined` when neither exists. */
  tile(address: TileAddress): Buffer | undefined {
    const full = this.#read(tilePath({ ...address, width: TILE_WIDTH }));
    return full ?? this.#read(tilePath(address));
  }

  /** The bytes of an entry bundle; `undefined` when it does not exist. */
  bundle(address: Omit<TileAddress, 'level'>): Buffer | undefined {
    return this.#read(entriesPath(address));
  }

  /**
   * Copies what the folder lacks. The checkpoint is written last: an interrupted copy still verifies as
   * the older log, and the next call completes it.
   *
   * @param open reads a checkpoint: one that the folder holds, or the newest of the log. Default: unverified
   * @returns the size of the copied log
   * @throws CopyContradicted, before anything is written, unless the log continues each checkpoint that an
   *   earlier call received
   * @throws whatever `open` throws
   */
  async copy(
    log: LogSource,
    onProgress?: (copied: number, total: number) => void,
    open: (note: string, isHeld: boolean) => Checkpoint = parseUnverified,
  ): Promise<number> {
    const witnessed = await log.witnessedCheckpoint().catch(undefinedIfNone);
    const { checkpoint } = await log.checkpoint();
    const newest = open(checkpoint, false);
    const { size } = newest;
    for (const name of [CHECKPOINT, PENDING_CHECKPOINT]) {
      const held = this.#read(name);
      if (held) await assertContinues(open(held.toString(), true), newest, log);
    }
    await this.#write(PENDING_CHECKPOINT, checkpoint);
    for (let level = 0; tileWidthAt(level, 0, size) > 0; level += 1) {
      for (let index = 0; ; index += 1) {
        const width = tileWidthAt(level, index, size);
        if (width === 0) break;
        await this.#copyFile(tilePath({ level, index, width }), log);
        if (level > 0) continue;
        await this.#copyFile(entriesPath({ index, width }), log);
        onProgress?.(index * TILE_WIDTH + width, size);
      }
    }
    await rename(join(this.path, PENDING_CHECKPOINT), join(this.path, CHECKPOINT));
    if (witnessed) await this.#write(WITNESSED_CHECKPOINT, witnessed.checkpoint);
    return size;
  }

  async #copyFile(path: string, log: LogSource): Promise<void> {
    if (this.#read(path)) return;
    try {
      await this.#write(path, await log.resource(path));
    } catch (error) {
      // Retired entries have no bodies; their hashes are in the tiles.
      if (!(error instanceof AuditEntryRetired)) throw error;
    }
  }

  /** Synchronous, because the thread pool would take as long per file as hashing its content. */
  #read(path: string): Buffer | undefined {
    try {
      return readFileSync(join(this.path, path));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #write(path: string, content: string | Buffer): Promise<void> {
    const file = join(this.path, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
  }
}

function undefinedIfNone(error: unknown): undefined {
  if (error instanceof CheckpointNotWitnessed) return undefined;
  throw error;
}

function parseUnverified(note: string): Checkpoint {
  return parseCheckpoint(parseNote(note).text);
}

async function assertContinues(
  held: Checkpoint,
  newest: Checkpoint,
  log: LogSource,
): Promise<void> {
  if (held.origin !== newest.origin) throw new CopyContradicted('the log has another name');
  if (held.size > newest.size) throw new CopyContradicted('the log is shorter than before');
  try {
    await verifyContinuation(held, newest, async (address) => log.resource(tilePath(address)));
  } catch (cause) {
    if (!(cause instanceof ProofMismatch)) throw cause;
    throw new CopyContradicted('the log is another one than before', { cause });
  }
}
