import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';

/** The folder of the emulator's CA and, if persistent, of its state. Owner-only. */
export class StateFolder {
  constructor(readonly path: string) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** @returns `undefined` when the file doesn't exist. */
  read(name: string): string | undefined {
    try {
      return readFileSync(this.file(name), 'utf8');
    } catch (error) {
      if (isErrorCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** @throws with the name of the file, and what to do, when it has another content than this release writes */
  readJson<Schema extends z.ZodType>(name: string, schema: Schema): z.output<Schema> | undefined {
    const text = this.read(name);
    if (text === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new Error(
        `${this.file(name)} can not be used, because it was cut short or changed, or is of another release: restore it, or delete the folder to begin again.`,
        { cause },
      );
    }
  }

  /** Replaces the file atomically, with mode 0600. */
  write(name: string, content: string): void {
    renameSync(this.#writeDraft(content), this.file(name));
  }

  /** Writes the file unless it exists, atomically: of several processes, the first one wins. */
  writeUnlessPresent(name: string, content: string): void {
    const draft = this.#writeDraft(content);
    try {
      // A hard link, unlike a rename, fails when the name exists.
      linkSync(draft, this.file(name));
    } catch (error) {
      if (!isErrorCode(error, 'EEXIST')) throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }

  #writeDraft(content: string): string {
    const draft = this.file(`.${randomUUID()}.draft`);
    writeFileSync(draft, content, { mode: 0o600 });
    // The umask may have removed more than the mode says.
    chmodSync(draft, 0o600);
    return draft;
  }
}

export function isErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
