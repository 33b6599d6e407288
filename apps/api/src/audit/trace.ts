import { z } from 'zod';
import type { TokenTrace } from '#libs/audit';
import { listedEntry, type ListedEntry, toListedEntry } from './entry-response.js';

/** The token that leaked, or its fingerprint out of an entry. */
export const traceRequest = z
  .union([
    z.strictObject({ token: z.string().min(1).max(8192) }),
    z.strictObject({
      fingerprint: z.string().regex(/^[\w-]{43}$/, 'must be a fingerprint as an entry shows it'),
    }),
  ])
  .meta({ id: 'TraceRequest', description: 'A token, which is neither stored nor logged.' });

export type TraceRequest = z.output<typeof traceRequest>;

export const traceResponse = z
  .strictObject({
    entries: z.array(listedEntry).meta({
      description:
        'All that the log tells of this very token, oldest first. Empty: not issued here.',
    }),
    liveSiblings: z.array(listedEntry).meta({
      description: 'Other tokens of the same communication identity that may still be good.',
    }),
    untriedKeys: z.array(z.string()).meta({
      description:
        'Fingerprint keys that can’t be had any more, so that the answer may be incomplete.',
    }),
  })
  .meta({ id: 'TokenTrace' });

export interface TraceResponse {
  readonly entries: readonly ListedEntry[];
  readonly liveSiblings: readonly ListedEntry[];
  readonly untriedKeys: readonly string[];
}

export function toTrace({ entries, liveSiblings, untriedKeys }: TokenTrace): TraceResponse {
  return {
    entries: entries.map(toListedEntry),
    liveSiblings: liveSiblings.map(toListedEntry),
    untriedKeys,
  };
}
