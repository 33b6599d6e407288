import { z } from 'zod';
import type { FollowedEntries } from '#libs/audit';
import type { Content } from '../http/endpoint.js';
import { NDJSON } from '../identities/ndjson-body-parser.js';
import { consistent, filterFields } from './entry-query.js';
import { toListedEntry } from './entry-response.js';
import { logIndex } from './query-fields.js';

/** Access that ended is noticed by then: a follower sends its token anew. */
export const MAX_FOLLOW_MS = 10 * 60_000;

export const followQuery = consistent(
  z.strictObject({
    ...filterFields,
    afterIndex: logIndex()
      .optional()
      .describe(
        'only entries with a greater index: the last `afterIndex` received; default: what is recorded from now on',
      ),
  }),
);

export type FollowRequest = z.output<typeof followQuery>;

/** What followers get, as `Endpoint` documents it. */
export const followContent: Content = {
  mediaTypes: [NDJSON],
  schema: { type: 'string' },
  description:
    'Lines of JSON: a `ListedAuditEntry`, or `{"afterIndex":…}` when no further entry up to that index matches.',
};

/** Lines of JSON: entries, and after them where to continue, also when there is none. */
export async function* followLines(
  pages: AsyncGenerator<FollowedEntries, undefined>,
): AsyncGenerator<{ readonly text: string }, undefined> {
  for await (const { items, after } of pages) {
    const lines = [...items.map(toListedEntry), { afterIndex: after }];
    yield { text: lines.map((line) => `${JSON.stringify(line)}\n`).join('') };
  }
  return undefined;
}
