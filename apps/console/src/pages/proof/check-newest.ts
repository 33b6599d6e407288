import type { TileReader } from '#libs/transparency-log';
import { checkLog, type LogVerdict, originOf } from './check-log.js';
import { headOf, rememberCheckpoint, type SeenCheckpoint, seenCheckpoint } from './remembered.js';

/** What the newest checkpoint of a log was checked against, and what was found. */
export interface NewestCheck {
  /** Absent: this browser sees the log for the first time. */
  readonly seen: SeenCheckpoint | undefined;
  readonly log: LogVerdict;
}

/**
 * Checks the newest checkpoint against the largest one that this browser has verified, and remembers it if it is
 * larger. When another tab has verified a larger one meanwhile, the check begins again with that: what is
 * remembered never goes back, however long one response takes.
 *
 * @param keys lines, as `parseLogKeys` reads them
 * @param readNote the newest checkpoint of the service; not trusted
 */
export async function checkNewest(
  keys: string,
  readNote: () => Promise<string>,
  readTile: TileReader,
): Promise<NewestCheck> {
  const origin = originOf(keys);
  const seen = seenCheckpoint(origin);
  const log = await checkLog(await readNote(), keys, seen && headOf(seen), readTile);
  const known = sizeOf(seen);
  if (sizeOf(seenCheckpoint(origin)) > known) return checkNewest(keys, readNote, readTile);
  if (log.is === 'whole' && log.checkpoint.size > known) rememberCheckpoint(log.checkpoint);
  return { seen, log };
}

/** Less than that of every log when nothing was seen. */
function sizeOf(seen: SeenCheckpoint | undefined): number {
  return seen?.size ?? -1;
}
