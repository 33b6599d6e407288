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
      kind: z.enum(['user', 'service', 'bot', 'system', 'operator', 'unauthenticated']),
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
  personal: values.meta({ description: 'The personal values that were not erased.' }),
};

export const listedEntry = z.strictObject(listed).meta({ id: 'ListedAuditEntry' });

export const entryPage = z
  .strictObject({
    items: z.array(listedEntry),
    nextCursor: z
      .string()
      .optional()
      .meta({ description: '`cursor` of the next page; absent on the last one.' }),
  })
  .meta({ id: 'AuditEntryPage' });

export const wholeEntry = z
  .strictObject({
    ...listed,
    canonical: z.string().meta({
      description: 'The entry’s canonical JSON. Its UTF-8 bytes are the leaf that proofs cover.',
    }),
  })
  .meta({ id: 'WholeAuditEntry' });

export type ListedEntry = Pick<AuditEntryRecord, 'index' | 'entry' | 'personal'>;

export interface EntryPageResponse {
  readonly items: readonly ListedEntry[];
  readonly nextCursor?: string;
}

export function toEntryPage({ items, nextBefore }: EntryPage): EntryPageResponse {
  const page = { items: items.map(toListedEntry) };
  return nextBefore === undefined ? page : { ...page, nextCursor: String(nextBefore) };
}

export function toListedEntry({ index, entry: recorded, personal }: AuditEntryRecord): ListedEntry {
  return { index, entry: recorded, personal };
}

export function toWholeEntry(
  recorded: AuditEntryRecord,
): ListedEntry & { readonly canonical: string } {
  return { ...toListedEntry(recorded), canonical: recorded.leaf.toString('utf8') };
}
