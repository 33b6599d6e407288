import type { Api, ListedEntry, Query } from '../../api/api.js';

/** Entries that were recorded, oldest first, and the index after which the next ones come. */
export interface Followed {
  readonly items: readonly ListedEntry[];
  readonly after: number;
}

/** The service sends a line at least every 17 seconds: a connection without one is dead. */
const SILENT_MS = 40_000;

/**
 * The entries with a greater index than `after`, as they are recorded; without it, those from now on.
 *
 * Ends when the service ends the stream, and throws when the connection is lost: in both cases a later call
 * continues from the last `after` without a gap.
 */
export async function* followLog(
  api: Api,
  query: Query,
  after: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  const silence = new AbortController();
  const limit = { timer: setTimeout(() => undefined, 0) };
  const restart = (): void => {
    clearTimeout(limit.timer);
    limit.timer = setTimeout(() => {
      silence.abort(new Error('The service was silent.'));
    }, SILENT_MS);
  };
  restart();
  // A connection may outlive the network, and be silent.
  addEventListener(
    'offline',
    () => {
      silence.abort(new Error('This computer is offline.'));
    },
    { signal: silence.signal },
  );
  try {
    const response = await api.send('GET', '/v1/audit/follow', {
      query: { ...query, afterIndex: after },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    let items: ListedEntry[] = [];
    for await (const line of linesOf(response)) {
      restart();
      const value = JSON.parse(line) as ListedEntry | { readonly afterIndex: number }; // its two kinds
      if ('entry' in value) items.push(value);
      else {
        yield { items, after: value.afterIndex };
        items = [];
      }
    }
  } finally {
    clearTimeout(limit.timer);
    silence.abort();
  }
}

/** Whole lines: what a lost connection cut off is none. */
async function* linesOf({ body }: Response): AsyncGenerator<string> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let rest = '';
  try {
    for (;;) {
      const { done, value = '' } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
