import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Checkpoint, TransparencyLogError } from '#libs/transparency-log';

/**
 * Verifies a checkpoint: only what its log has signed is believed.
 *
 * @throws TransparencyLogError for any other text
 */
export type CheckpointOpener = (note: string) => Promise<Checkpoint>;

/** From one write to the next: a busy log commits a hundred times in a second. */
const MIN_INTERVAL_MS = 100;

/** A file with the latest signed checkpoint, replaced atomically. */
export class CheckpointFile {
  /** Random, because containers that share the folder may have the same process id. */
  readonly #temporaryPath: string;
  #writing: Promise<void> | undefined;
  #queued: string | undefined;
  #nextAt = 0;
  readonly #closing = new AbortController();

  constructor(
    private readonly path: string,
    private readonly open: CheckpointOpener,
    private readonly minIntervalMs = MIN_INTERVAL_MS,
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
   * during a write, or soon after it, only the latest is written. A text that the log
   * has not signed is replaced, whatever size it names.
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

  /** Writes the latest checkpoint at once. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writing?.catch(() => undefined);
  }

  async #writeQueued(): Promise<void> {
    while (this.#queued !== undefined) {
      const { signal } = this.#closing;
      const pauseMs = this.#nextAt - performance.now();
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      const next = this.#queued;
      this.#queued = undefined;
      this.#nextAt = performance.now() + this.minIntervalMs;
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
