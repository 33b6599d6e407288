import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { z } from 'zod';

/**
 * Reads a JSON file of `.local`.
 *
 * @param remedy when the file has another content than this release writes
 * @returns `undefined` when there is no such file
 * @throws with the name of the file and the remedy
 */
export async function readJson<S extends z.ZodType>(
  file: string,
  shape: S,
  remedy: string,
): Promise<z.output<S> | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseJson(file, text, { shape, remedy });
}

/** @throws as `readJson` */
export function parseJson<S extends z.ZodType>(
  file: string,
  text: string,
  { shape, remedy }: { readonly shape: S; readonly remedy: string },
): z.output<S> {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    const name = relative(process.cwd(), file);
    throw new Error(
      `${name} can not be used, because it was cut short or changed, or is of another release: ${remedy}.`,
      { cause },
    );
  }
}
