import { statSync } from 'node:fs';

/**
 * For files that are read again when they change. A named pipe gives its content once, and to open one that
 * nobody writes to blocks a thread for ever.
 *
 * @throws Error with a `code`, as those of Node; none for a path that does not exist
 */
export function refuseNamedPipe(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isFIFO()) return;
  throw Object.assign(new Error('it is a named pipe'), { code: 'a named pipe' });
}
