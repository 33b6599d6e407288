import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';

/** The folder in which the emulator keeps its CA and, when asked to, its state. Owner-only. */
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

  readJson<Schema extends z.ZodType>(name: string, schema: Schema): z.output<Schema> | undefined {
    const text = this.read(name);
    return text === undefined ? undefined : schema.parse(JSON.parse(text));
  }

  /** Replaces the file as a whole: a crash leaves the old one or the new one. */
  write(name: string, content: string): void {
    writeOwnerOnly(this.file(name), content);
  }
}

export function writeOwnerOnly(file: string, content: string): void {
  const draft = join(dirname(file), `.${randomUUID()}.draft`);
  writeFileSync(draft, content, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}

export function isErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
