import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { assertReplaceable, refuseNamedPipe, replaceFile } from '#libs/platform';
import { type Checkpoint, TransparencyLogError } from '#libs/transparency-log';
import { CheckpointFileUnreadable } from '../errors.js';

/**
 * Verifies a checkpoint: only what its log has signed is believed.
 *
 * @throws TransparencyLogError for any other text
 */
export type CheckpointOpener = (note: string) => Promise<Checkpoint>;

/** From one write to the next: a busy log commits a hundred times in a second. */
const MIN_INTERVAL_MS = 100;

/**
 * A file with the latest signed checkpoint, replaced atomically. It keeps its owner and mode: the api has to
 * read what a command wrote that another user ran.
 */
export class CheckpointFile {
  #writing: Promise<void> | undefined;
  #queued: string | undefined;
  #nextAt = 0;
  readonly #closing = new AbortController();

  constructor(
    private readonly path: string,
    private readonly open: CheckpointOpener,
    private readonly minIntervalMs = MIN_INTERVAL_MS,
  ) {}

  /** Rejects when the file could not be written. */
  async assertWritable(): Promise<void> {
    await assertReplaceable(this.path);
  }

  /**
   * @returns `undefined` when there is no file yet, or an empty one
   * @throws CheckpointFileUnreadable
   */
  async read(): Promise<string | undefined> {
    try {
      refuseNamedPipe(this.path);
      const text = await readFile(this.path, 'utf8');
      return text.trim() === '' ? undefined : text;
    } catch (error) {
      const { code } = error as { code?: unknown }; // of Node
      if (code === 'ENOENT') return undefined;
      throw new CheckpointFileUnreadable(String(code));
    }
  }

  /**
   * Writes the checkpoint, unless another process has written a later one. Of checkpoints that arrive
   * during a write, or soon after it, only the latest is written. A text that the log
   * has not signed is replaced, whatever size it names. Rejects, and leaves the file as it is, when its owner
   * could no longer read it.
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
      if ((await this.#storedSize()) < size) await replaceFile(this.path, next);
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
