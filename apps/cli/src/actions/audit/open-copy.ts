import { existsSync } from 'node:fs';
import { TileDirectory } from '#libs/audit';

/** Opens a copy of the log. @throws when the folder is missing, or has no copy */
export function openCopy(folder: string): TileDirectory {
  if (!existsSync(folder)) throw new Error(`${folder} does not exist.`);
  const copy = new TileDirectory(folder);
  if (copy.checkpoint() === undefined) throw new Error(`${folder} has no file checkpoint.`);
  return copy;
}
