import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { parseCheckpoint, parseNote } from '#libs/transparency-log';

/** Keeps the last signed checkpoint outside the database. Written whole or not at all. */
export class CheckpointFile {
  /** Of this writer alone: containers that share the folder may well have the same process id. */
  readonly #draft: string;
  #writing: Promise<void> | undefined;
  #next: string | undefined;

  constructor(private readonly path: string) {
    this.#draft = `${path}.${randomUUID()}.new`;
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
    this.#next = checkpoint;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      const kept = await this.read();
      if (kept !== undefined && sizeOf(kept) >= sizeOf(next)) continue;
      const file = await open(this.#draft, 'w', 0o644);
      try {
        await file.writeFile(next);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(this.#draft, this.path);
    }
  }
}

function sizeOf(checkpoint: string): number {
  return parseCheckpoint(parseNote(checkpoint).text).size;
}
