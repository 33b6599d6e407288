import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { parseCheckpoint, parseNote } from '#libs/transparency-log';

/** Keeps the last signed checkpoint outside the database. Written whole or not at all. */
export class CheckpointFile {
  /** Of this writer alone: containers that share the folder may well have the same process id. */
  readonly #temporaryPath: string;
  #writing: Promise<void> | undefined;
  #queued: string | undefined;

  constructor(private readonly path: string) {
    this.#temporaryPath = `${path}.${randomUUID()}.new`;
  }

  /** @returns `undefined` when there is no file yet */
  async read(): Promise<string | undefined> {
    try {
      return await readFile(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /**
   * Writes the checkpoint, unless another process has written a later one. When checkpoints come
   * faster than the disk takes them, only the latest one is written.
   */
  async write(checkpoint: string): Promise<void> {
    this.#queued = checkpoint;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#queued; next !== undefined; next = this.#queued) {
      this.#queued = undefined;
      const kept = await this.read();
      if (kept !== undefined && sizeOf(kept) >= sizeOf(next)) continue;
      const file = await open(this.#temporaryPath, 'w', 0o644);
      try {
        await file.writeFile(next);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(this.#temporaryPath, this.path);
    }
  }
}

function sizeOf(checkpoint: string): number {
  return parseCheckpoint(parseNote(checkpoint).text).size;
}
