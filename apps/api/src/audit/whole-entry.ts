import { z } from 'zod';
import {
  type AuditEntryRecord,
  AUDIT_OUTCOMES,
  type EntryParts,
  type EntryWithParts,
  type PersonalHashes,
} from '#libs/audit';
import { hashLeaf } from '#libs/transparency-log';
import { listedEntry, type ListedEntry, toListedEntry } from './entry-response.js';
import { auditAction, oneOf, several } from './query-fields.js';

/** What to return with an entry. */
export const entryParts = z.strictObject({
  include: several(oneOf(['proof', 'neighbours']))
    .optional()
    .describe('what to return with the entry, for one record of a reading'),
});

export type EntryPartsQuery = z.output<typeof entryParts>;

const neighbour = z.strictObject({
  index: z.int().min(0),
  id: z.uuid(),
  action: auditAction(),
  outcome: z.enum(AUDIT_OUTCOMES),
  recordedAt: z.iso.datetime(),
});

const neighbours = z.array(neighbour).max(20);

export const wholeEntry = listedEntry
  .extend({
    canonical: z.string().meta({
      description:
        'The entry’s canonical JSON. Its UTF-8 bytes are the leaf that proofs cover. Of a damaged entry the stored bytes, as far as they are UTF-8.',
    }),
    leafHash: z
      .string()
      .meta({ description: 'Base64 of the hash of the stored bytes as a leaf (RFC 6962).' }),
    erased: z
      .array(z.enum(['actorDisplayName', 'clientAddress', 'targetDisplayName', 'userAgent']))
      .meta({ description: 'The personal values that the entry had and that are not shown.' }),
    proof: z.string().optional().meta({ description: 'A `.tlog-proof` file of C2SP.' }),
    neighbours: z
      .strictObject({
        token: neighbours.meta({ description: 'With the same token.' }),
        request: neighbours.meta({ description: 'Of the same request.' }),
        callerToken: neighbours.meta({ description: 'Of the same token of the caller.' }),
      })
      .optional()
      .meta({ description: 'Other entries, next to this one, newest first.' }),
  })
  .meta({ id: 'WholeAuditEntry', description: 'An entry with everything about it.' });

type Neighbour = z.output<typeof neighbour>;

export type WholeEntryResponse = ListedEntry &
  Pick<z.output<typeof wholeEntry>, 'canonical' | 'leafHash' | 'erased' | 'proof' | 'neighbours'>;

export function toEntryParts({ include = [] }: EntryPartsQuery): EntryParts {
  return { proof: include.includes('proof'), neighbours: include.includes('neighbours') };
}

export function toWholeEntry({
  proof,
  neighbours: found,
  ...recorded
}: EntryWithParts): WholeEntryResponse {
  const { entry, leaf, personal } = recorded;
  const hashed = Object.keys(entry.personal ?? {}) as (keyof PersonalHashes)[]; // as declared
  return {
    ...toListedEntry(recorded),
    canonical: leaf.toString('utf8'),
    leafHash: Buffer.from(hashLeaf(leaf)).toString('base64'),
    erased: hashed.filter((name) => personal[name] === undefined),
    ...(proof !== undefined && { proof }),
    ...(found && {
      neighbours: {
        token: found.token.map(toNeighbour),
        request: found.request.map(toNeighbour),
        callerToken: found.callerToken.map(toNeighbour),
      },
    }),
  };
}

function toNeighbour({ index, entry }: AuditEntryRecord): Neighbour {
  const { id, action, outcome, recordedAt } = entry;
  return { index, id, action, outcome, recordedAt };
}
