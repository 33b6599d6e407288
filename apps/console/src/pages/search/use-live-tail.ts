import { ProblemError } from '@acs-identity/client';
import { useEffect, useRef, useState } from 'react';
import type { Api, ListedEntry } from '../../api/api.js';
import { useApi } from '../../api/api-context.js';
import { SignInEnded } from '../../sign-in/session.js';
import { followLog } from './follow-log.js';
import { queryOf, type Search } from './use-entries.js';

/** The entries that were recorded since a search. */
export interface LiveTail {
  /** Newest first, at most MAX_LIVE_ROWS. */
  readonly items: readonly ListedEntry[];
  /** How many came: more than `items` when the oldest ones were left out. */
  readonly count: number;
  readonly state: 'off' | 'connecting' | 'live' | 'lost' | 'failed';
  /** When the connection was lost, in ms of the epoch. */
  readonly lostAt?: number;
  readonly error?: Error;
}

export const MAX_LIVE_ROWS = 1_000;
const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
/** Each connection is an entry of the log: one that ends sooner is not replaced at once. */
const LASTING_MS = 60_000;
const OFF: LiveTail = { items: [], count: 0, state: 'off' };

interface LiveTailOptions {
  readonly search: Search | undefined;
  readonly isOn: boolean;
  /** The newest index that the search has looked at. */
  readonly newestIndex: number | undefined;
}

/** Follows the log from where a search ended, over lost connections, without gaps or doubles. */
export function useLiveTail({ search, isOn, newestIndex }: LiveTailOptions): LiveTail {
  const api = useApi();
  const [tail, setTail] = useState(OFF);
  const place = useRef(newestIndex);
  useEffect(() => {
    place.current = newestIndex;
    setTail(OFF);
  }, [search, newestIndex]);
  useEffect(() => {
    if (!isOn || !search) return undefined;
    const stop = new AbortController();
    void follow({ api, search, place, signal: stop.signal, setTail });
    return () => {
      stop.abort();
      setTail(({ items, count }) => ({ items, count, state: 'off' }));
    };
  }, [api, search, isOn, newestIndex]);
  return tail;
}

interface Following {
  readonly api: Api;
  readonly search: Search;
  /** The index after which the next entries come. It survives a stop. */
  readonly place: { current: number | undefined };
  readonly signal: AbortSignal;
  readonly setTail: (change: (tail: LiveTail) => LiveTail) => void;
}

async function follow({ api, search, place, signal, setTail }: Following): Promise<void> {
  const query = queryOf(search.filters);
  let waitMs = 0;
  setTail((tail) => ({ ...tail, state: 'connecting' }));
  const isStopped = (): boolean => signal.aborted;
  while (!isStopped()) {
    const connectedAt = performance.now();
    try {
      for await (const followed of followLog(api, query, place.current, signal)) {
        place.current = followed.after;
        setTail((tail) => ({
          items: [...followed.items.toReversed(), ...tail.items].slice(0, MAX_LIVE_ROWS),
          count: tail.count + followed.items.length,
          state: 'live',
        }));
      }
    } catch (cause) {
      if (isStopped()) return;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      if (isFinal(error)) {
        setTail((tail) => ({ ...tail, state: 'failed', error }));
        return;
      }
      setTail(({ items, count, lostAt = Date.now() }) => ({ items, count, state: 'lost', lostAt }));
      const retryAfterMs =
        error instanceof ProblemError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
      waitMs = Math.max(waitMs, retryAfterMs, MIN_WAIT_MS);
    }
    if (performance.now() - connectedAt >= LASTING_MS) waitMs = 0;
    else waitMs = Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, waitMs));
    await untilOnline(waitMs, signal);
    waitMs *= 2;
  }
}

/** Whether a repeat has the same answer. */
function isFinal(error: Error): boolean {
  if (error instanceof SignInEnded) return true;
  return (
    error instanceof ProblemError && error.retryAfterSeconds === undefined && error.status < 500
  );
}

/** Waits for a time, or until this computer is online again. */
async function untilOnline(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const done = new AbortController();
  const timer = setTimeout(resolve, ms);
  addEventListener('online', resolve, { signal: done.signal });
  signal.addEventListener('abort', resolve, { signal: done.signal });
  await promise;
  clearTimeout(timer);
  done.abort();
}
