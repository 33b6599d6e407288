import { z } from 'zod';
import { AUDIT_OUTCOMES, type EntryPage, type AuditEntryRecord } from '#libs/audit';
import { auditAction } from './query-fields.js';

const values = z.strictObject({
  actorDisplayName: z.string().optional(),
  clientAddress: z.string().optional(),
  targetDisplayName: z.string().optional(),
  userAgent: z.string().optional(),
});

const entry = z
  .strictObject({
    action: auditAction(),
    actor: z.strictObject({
      clientApp: z.string().optional(),
      isGuest: z.boolean().optional(),
      issuer: z.string().optional(),
      kind: z.enum(['user', 'service', 'bot', 'visitor', 'system', 'operator', 'unauthenticated']),
      name: z.string().optional(),
      permissions: z.array(z.string()).optional(),
      subject: z.string().optional(),
      tenant: z.string().optional(),
      tokenId: z.string().optional(),
    }),
    details: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
      .optional(),
    id: z.uuid(),
    outcome: z.enum(AUDIT_OUTCOMES),
    personal: values.optional().meta({
      description: 'Salted hashes of the personal values, which are stored beside the entry.',
    }),
    policy: z.strictObject({ rule: z.string(), version: z.string() }).optional(),
    reason: z.strictObject({ code: z.string(), detail: z.string().optional() }).optional(),
    recordedAt: z.iso.datetime(),
    request: z.strictObject({ id: z.string(), traceId: z.string().optional() }).optional(),
    target: z
      .strictObject({
        communicationUserId: z.string().optional(),
        identityId: z.string().optional(),
        kind: z.string().optional(),
        resource: z.string().optional(),
        subject: z.string().optional(),
        tenant: z.string().optional(),
      })
      .optional(),
    token: z
      .strictObject({
        expiresOn: z.iso.datetime(),
        fingerprint: z.string(),
        fingerprintKey: z.string(),
        scopes: z.array(z.string()),
      })
      .optional(),
    upstream: z
      .strictObject({
        correlationVector: z.string().optional(),
        secretVersion: z.string().optional(),
      })
      .optional(),
    version: z.literal(1),
  })
  .meta({ id: 'AuditEntry', description: 'An entry as recorded in the log, format version 1.' });

const listed = {
  index: z.int().min(0),
  entry,
  personal: values.meta({
    description:
      'The personal values that were not erased. Auditors of another tenant get those of their own callers only.',
  }),
  isDamaged: z.boolean().meta({
    description:
      'Whether the stored bytes are not those that the log commits to, or a personal value, which is left out, is not the one whose hash the entry has: somebody has changed them.',
  }),
};

export const listedEntry = z.strictObject(listed).meta({ id: 'ListedAuditEntry' });

export const entryPage = z
  .strictObject({
    items: z.array(listedEntry),
    nextCursor: z.string().optional().meta({
      description:
        '`cursor` of the next page in the same order. Absent on the last page of the descending order; the ascending order always has it, so that a poller continues with it when more entries exist.',
    }),
    previousCursor: z
      .string()
      .optional()
      .meta({ description: '`cursor` of the page before this one, with the other `order`.' }),
    isComplete: z
      .boolean()
      .meta({ description: 'Whether no further entry of the log matches in this order now.' }),
    newestIndex: z
      .int()
      .optional()
      .meta({ description: 'Index of the newest entry of the log; absent while it is empty.' }),
    searchedFrom: z.iso.datetime().optional().meta({
      description:
        'The page has every entry that matches from this time on; absent: from the beginning of the log.',
    }),
    searchedTo: z.iso
      .datetime()
      .optional()
      .meta({ description: 'The page has every entry that matches up to this time.' }),
  })
  .meta({ id: 'AuditEntryPage' });

export type ListedEntry = Pick<AuditEntryRecord, 'index' | 'entry' | 'personal' | 'isDamaged'>;

export type EntryPageResponse = Omit<z.output<typeof entryPage>, 'items'> & {
  readonly items: readonly ListedEntry[];
};

export function toEntryPage(page: EntryPage): EntryPageResponse {
  const { items, isComplete, newestIndex, searchedFrom, searchedTo } = page;
  const next = page.nextBefore ?? page.nextAfter;
  const [first] = items;
  return {
    items: items.map(toListedEntry),
    ...(next !== undefined && { nextCursor: String(next) }),
    ...(first && { previousCursor: String(first.index) }),
    isComplete,
    ...(newestIndex !== undefined && { newestIndex }),
    ...(searchedFrom && { searchedFrom: searchedFrom.toISOString() }),
    ...(searchedTo && { searchedTo: searchedTo.toISOString() }),
  };
}

export function toListedEntry(recorded: AuditEntryRecord): ListedEntry {
  const { index, entry: itself, personal, isDamaged } = recorded;
  return { index, entry: itself, personal, isDamaged };
}
