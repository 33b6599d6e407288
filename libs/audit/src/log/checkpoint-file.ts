import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { parseCheckpoint, parseNote } from '#libs/transparency-log';

/** A file with the latest signed checkpoint, replaced atomically. */
export class CheckpointFile {
  /** Random, because containers that share the folder may have the same process id. */
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
   * Writes the checkpoint, unless another process has written a later one. Of checkpoints that arrive
   * during a write, only the latest is written.
   */
  async write(checkpoint: string): Promise<void> {
    this.#queued = checkpoint;
    this.#writing ??= this.#writeQueued().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeQueued(): Promise<void> {
    for (let next = this.#queued; next !== undefined; next = this.#queued) {
      this.#queued = undefined;
      const stored = await this.read();
      if (stored !== undefined && sizeOf(stored) >= sizeOf(next)) continue;
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
