import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import type { EntryFilter, EntryPage, EntryQuery } from './entry-filter.js';

/** Where a follower begins, and when it ends. */
export interface FollowOptions {
  /** Entries with a greater index. Absent: those that are recorded from now on. */
  readonly after?: number | undefined;
  /** How many of the newest ones it gets first; not with `after`. */
  readonly newest?: number | undefined;
  readonly signal: AbortSignal;
}

/** Entries that a follower gets at once, oldest first; none when there was nothing new for a while. */
export interface FollowedEntries {
  readonly items: readonly AuditEntryRecord[];
  /** The `after` of a later follower, which continues without a gap. */
  readonly after: number;
}

const MAX_FOLLOWED = 1000;
const POLL_MS = 2_000;
/** Intermediaries close connections over which nothing comes. */
const HEARTBEAT_MS = 15_000;

/** The first entries at once, also when there are none; then each page when it is there. */
export async function* followEntries(
  find: (query: EntryQuery) => Promise<EntryPage>,
  filter: EntryFilter,
  { after: start, newest = 0, signal }: FollowOptions,
  { pollMs = POLL_MS, heartbeatMs = HEARTBEAT_MS } = {},
): AsyncGenerator<FollowedEntries, undefined> {
  let after = start ?? -1;
  let items: readonly AuditEntryRecord[] = [];
  if (start === undefined) {
    const limit = Math.min(MAX_FOLLOWED, Math.max(1, newest));
    const page = await find({ ...filter, limit });
    after = page.newestIndex ?? -1;
    if (newest > 0) items = page.items.toReversed();
  }
  yield { items, after };
  let yieldedAt = performance.now();
  while (!signal.aborted) {
    const page = await find({ ...filter, limit: MAX_FOLLOWED, order: 'ascending', after });
    after = page.nextAfter ?? after;
    if (page.items.length > 0 || performance.now() - yieldedAt >= heartbeatMs) {
      yield { items: page.items, after };
      yieldedAt = performance.now();
    }
    if (page.isComplete) await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
