import { open, rename, rm } from 'node:fs/promises';

/**
 * Replaces a file as a whole: a crash, or an end of this process at any time, leaves the former content or the
 * new one.
 *
 * @param mode before the umask
 */
export async function replaceFile(path: string, content: string, mode = 0o644): Promise<void> {
  await rename(await writeDraft(path, content, mode), path);
}

/** Writes a file beside another one, whole and on the disk. @returns its path */
export async function writeDraft(path: string, content: string, mode = 0o644): Promise<string> {
  const draft = `${path}.${process.pid}`;
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}
