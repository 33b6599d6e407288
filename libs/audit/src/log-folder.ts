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
import { AuditEntryRetired } from './audit-log-errors.js';
import type { LogReader } from './log-reader.js';

/** Where a copy of the log comes from: its database, or its addresses on the web. */
export type LogSource = Pick<LogReader, 'checkpoint' | 'resource'>;

/** The log as files, laid out as its addresses are: `checkpoint`, `tile/…`, `tile/entries/…`. */
export class LogFolder {
  constructor(readonly path: string) {}

  /** The signed checkpoint; `undefined` when the folder holds no log yet. */
  checkpoint(): string | undefined {
    return this.#read('checkpoint')?.toString();
  }

  /** The hashes of a tile; a full tile stands in for a part of it. */
  tile(address: TileAddress): Buffer | undefined {
    const full = this.#read(tilePath({ ...address, width: TILE_WIDTH }));
    return full ?? this.#read(tilePath(address));
  }

  /** The bytes of an entry bundle. */
  bundle(address: Omit<TileAddress, 'level'>): Buffer | undefined {
    return this.#read(entriesPath(address));
  }

  /**
   * Copies the log here, adding what is new. The checkpoint comes last: a copy that was cut off still
   * verifies as the older log, and is finished by the next.
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
      // Bodies that are no longer kept: their hashes are in the tiles.
      if (!(error instanceof AuditEntryRetired)) throw error;
    }
  }

  /** Not through the thread pool: with so many files, that would take as long as hashing them. */
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
