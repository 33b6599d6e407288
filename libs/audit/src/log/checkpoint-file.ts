import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { type Checkpoint, TransparencyLogError } from '#libs/transparency-log';

/**
 * Verifies a checkpoint: only what its log has signed is believed.
 *
 * @throws TransparencyLogError for any other text
 */
export type CheckpointOpener = (note: string) => Promise<Checkpoint>;

/** A file with the latest signed checkpoint, replaced atomically. */
export class CheckpointFile {
  /** Random, because containers that share the folder may have the same process id. */
  readonly #temporaryPath: string;
  #writing: Promise<void> | undefined;
  #queued: string | undefined;

  constructor(
    private readonly path: string,
    private readonly open: CheckpointOpener,
  ) {
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
   * during a write, only the latest is written. A text that the log has not signed is replaced, whatever
   * size it names.
   *
   * @throws TransparencyLogError for a checkpoint that the log has not signed
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
      const { size } = await this.open(next);
      if ((await this.#storedSize()) >= size) continue;
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

  /** -1 when there is no signed checkpoint. */
  async #storedSize(): Promise<number> {
    const stored = await this.read();
    if (stored === undefined) return -1;
    try {
      return (await this.open(stored)).size;
    } catch (error) {
      if (error instanceof TransparencyLogError) return -1;
      throw error;
    }
  }
}
