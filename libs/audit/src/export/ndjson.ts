import type { RecordedEntry } from '../recorded-entry.js';

/** Everything, with the entry's canonical bytes as they are in the log: they can be hashed again. */
export function ndjsonLine({ index, leaf, personal }: RecordedEntry): string {
  return `{"index":${index},"entry":${leaf.toString()},"personal":${JSON.stringify(personal)}}`;
}
