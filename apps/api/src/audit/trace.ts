import { z } from 'zod';
import type { TokenTrace } from '#libs/audit';
import { listedEntry, type ListedEntry, toListedEntry } from './entry-response.js';

/** A leaked token, or the fingerprint in an entry. */
export const traceRequest = z
  .union([
    z.strictObject({ token: z.string().min(1).max(8192) }),
    z.strictObject({
      fingerprint: z.string().regex(/^[\w-]{43}$/, 'must be a fingerprint as in an entry'),
    }),
  ])
  .meta({
    id: 'TraceRequest',
    description: 'A token or its fingerprint. The token is neither stored nor logged.',
  });

export type TraceRequest = z.output<typeof traceRequest>;

export const traceResponse = z
  .strictObject({
    entries: z.array(listedEntry).meta({
      description:
        'The entries about this token, oldest first. Empty when this service did not issue it.',
    }),
    liveSiblings: z.array(listedEntry).meta({
      description:
        'Issuances of other tokens of the same communication identity that may still be valid.',
    }),
    untriedKeys: z.array(z.string()).meta({
      description:
        'Fingerprint keys that are no longer available, so that the result may be incomplete.',
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
