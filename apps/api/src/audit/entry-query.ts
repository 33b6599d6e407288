import { z } from 'zod';
import { AUDIT_OUTCOMES, type EntryQuery } from '#libs/audit';
import {
  auditAction,
  clientAddress,
  instant,
  isForward,
  logIndex,
  searched,
  searchedName,
  whole,
} from './query-fields.js';

/** Filters of a search; an entry must match all of them. */
export const entryQuery = z
  .strictObject({
    from: instant().optional().describe('recorded at this time or later'),
    to: instant().optional().describe('recorded before this time'),
    action: auditAction().optional(),
    outcome: z.enum(AUDIT_OUTCOMES).optional(),
    actorTenant: searchedName().optional().describe('tenant of the caller'),
    actorSubject: searchedName()
      .optional()
      .describe('subject of the caller, or name of the background task or operator'),
    clientApp: searchedName().optional().describe('client id of the caller’s application'),
    identityId: searchedName().optional(),
    communicationUserId: searchedName().optional(),
    targetSubject: searchedName().optional().describe('subject of the target'),
    clientAddress: clientAddress()
      .optional()
      .describe('one IPv4 or IPv6 address of the client, unless erased; no ranges'),
    fingerprint: searched().optional().describe('fingerprint of a token, as in an entry'),
    reasonCode: searched().optional(),
    reasonText: searched().optional().describe('words in the reason, in any order'),
    limit: whole(1, 1000).prefault('50').describe('entries on a page, 1 to 1000'),
    cursor: logIndex().optional().describe('`nextCursor` of the previous page'),
  })
  .refine(isForward, { error: 'must be later than from', path: ['to'] });

export type EntrySearchQuery = z.output<typeof entryQuery>;

export function toEntryQuery({ cursor, ...rest }: EntrySearchQuery): EntryQuery {
  return { ...rest, before: cursor };
}
