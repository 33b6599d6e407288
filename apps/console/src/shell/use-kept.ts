import { useState } from 'react';

/**
 * The data of a query that is renewed, and until there are new ones those from before: a refresh that takes long,
 * or fails, empties nothing.
 *
 * @param what is shown: data of something else are never shown in its place
 * @param data the same object at each call until they change
 */
export function useKept<T>(what: string, data: T | undefined): T | undefined {
  const [kept, setKept] = useState({ what, data });
  if (data === undefined) return kept.what === what ? kept.data : undefined;
  if (kept.data !== data || kept.what !== what) setKept({ what, data });
  return data;
}
