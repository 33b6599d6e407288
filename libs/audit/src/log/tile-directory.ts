import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  entriesPath,
  tilePath,
  TILE_WIDTH,
  tileWidthAt,
  type TileAddress,
} from '#libs/transparency-log';
import { AuditEntryRetired } from '../errors.js';
import type { LogReader } from './log-reader.js';

/** What a copy of the log is read from: the database or the HTTP API. */
export type LogSource = Pick<LogReader, 'checkpoint' | 'resource'>;

/** A copy of the log as files with the paths of C2SP tlog-tiles: `checkpoint`, `tile/…`, `tile/entries/…`. */
export class TileDirectory {
  constructor(readonly path: string) {}

  /** The signed checkpoint; `undefined` when the folder has no copy yet. */
  checkpoint(): string | undefined {
    return this.#read('checkpoint')?.toString();
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
   * @returns the size of the copied log
   */
  async copy(
    log: LogSource,
    onProgress?: (copied: number, total: number) => void,
  ): Promise<number> {
    const { size, checkpoint } = await log.checkpoint();
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
    await this.#write('checkpoint', checkpoint);
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
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
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
