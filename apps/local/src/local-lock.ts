import { link, readFile, rename, rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { parseJson } from './read-json.js';
import { replaceFile, writeDraft } from './replace-file.js';
import { isRunning, type ProcessIdentity, processIdentity } from './process-identity.js';

const identityShape = z.object({ processId: z.int(), startedAt: z.string() });
const lockShape = identityShape.extend({ children: z.array(identityShape) });

const ORPHAN_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/**
 * A file that says which process uses the folder, and which processes it started.
 *
 * A process that was killed leaves the file. The next one removes it, after it has ended the processes
 * that the killed one left.
 */
export class LocalLock {
  readonly #owner: ProcessIdentity = processIdentity(process.pid);
  readonly #children: ProcessIdentity[] = [];

  private constructor(private readonly file: string) {}

  /** @throws when the process that the file names is running */
  static async take(file: string): Promise<LocalLock> {
    const lock = new LocalLock(file);
    while (!(await lock.#create())) {
      const text = await readFile(file, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const remedy = 'delete it, if no npm start runs in this folder';
      const holder = parseJson(file, text, { shape: lockShape, remedy });
      if (isRunning(holder)) {
        throw new Error(
          `The local environment is already running, as process ${holder.processId}: use it, or stop it with Ctrl-C in its terminal or with kill ${holder.processId}.`,
        );
      }
      await Promise.all(holder.children.map(endOrphan));
      await lock.#removeStale(text);
    }
    return lock;
  }

  /** Remembers a process that this one started and that may outlive it. */
  async add(processId: number): Promise<void> {
    this.#children.push(processIdentity(processId));
    await replaceFile(this.file, this.#content);
  }

  async release(): Promise<void> {
    await rm(this.file, { force: true });
  }

  /** @returns false when the file exists. It never exists without its content. */
  async #create(): Promise<boolean> {
    const draft = await writeDraft(this.file, this.#content);
    try {
      await link(draft, this.file);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  get #content(): string {
    return JSON.stringify({ ...this.#owner, children: this.#children });
  }

  /** Removes the file unless another process has replaced it in the meantime. */
  async #removeStale(text: string): Promise<void> {
    const aside = `${this.file}.stale.${process.pid}`;
    try {
      await rename(this.file, aside);
    } catch {
      return; // another process was first
    }
    if ((await readFile(aside, 'utf8')) !== text)
      await link(aside, this.file).catch(() => undefined);
    await rm(aside, { force: true });
  }
}

async function endOrphan(orphan: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + ORPHAN_TIMEOUT_MS;
  if (isRunning(orphan)) process.kill(orphan.processId, 'SIGTERM');
  while (isRunning(orphan)) {
    if (performance.now() > deadline) process.kill(orphan.processId, 'SIGKILL');
    await setTimeout(POLL_MS);
  }
}
