import { z } from 'zod';
import { IDENTITY_KINDS, identityFields, MAPPING_STATUSES } from '#libs/identity-mapping';

export const identityId = z.uuid('must be the UUID of an identity').toLowerCase();

/** The application identity to map, and its communication identity when it has one. */
export const identityRequest = z
  .strictObject({
    kind: identityFields.kind,
    subject: identityFields.subject,
    tenant: identityFields.tenant.optional(),
    displayName: identityFields.displayName.optional(),
    communicationUserId: identityFields.communicationUserId.optional(),
  })
  .meta({ id: 'IdentityRequest' });

export const identityUpdate = z
  .strictObject({
    status: z
      .enum(['active', 'suspended'], { error: 'is not one of active, suspended' })
      .optional(),
    displayName: identityFields.displayName.nullable().optional(),
  })
  .refine(({ status, displayName }) => status !== undefined || displayName !== undefined, {
    error: 'must change at least one field',
  })
  .meta({ id: 'IdentityUpdate' });

export const lookupRequest = z
  .strictObject({
    communicationUserIds: z
      .array(identityFields.communicationUserId)
      .min(1, 'must name an identity')
      .max(100, 'must name at most 100 identities'),
  })
  .meta({ id: 'IdentityLookup' });

export const erasureRequest = z
  .strictObject({
    subject: identityFields.recordedSubject,
    tenant: identityFields.tenant.optional(),
  })
  .meta({ id: 'IdentityErasureRequest' });

/** The query of a list; values are text, as in the URL. */
export const identitySearch = z.strictObject({
  tenant: identityFields.tenant.optional(),
  kind: z.enum(IDENTITY_KINDS, { error: `is not one of ${IDENTITY_KINDS.join(', ')}` }).optional(),
  subject: identityFields.recordedSubject.optional(),
  displayName: identityFields.recordedDisplayName
    .optional()
    .meta({ description: 'What the name begins with, in upper or lower case.' }),
  communicationUserId: identityFields.communicationUserId.optional(),
  status: z
    .enum(MAPPING_STATUSES, { error: `is not one of ${MAPPING_STATUSES.join(', ')}` })
    .optional()
    .meta({ description: 'Default: all except deleted ones.' }),
  limit: z
    .string()
    .regex(/^([1-9]\d?|100)$/, 'must be a whole number from 1 to 100')
    .default('50'),
  cursor: z
    .string()
    .regex(/^[\w-]{22}$/, 'is not a cursor of this service')
    .optional()
    .meta({ description: '`nextCursor` of the previous page.' }),
});

export const importOptions = z.strictObject({
  provision: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .default('false')
    .meta({ description: 'Whether to create identities at ACS for lines without one.' }),
  results: z.enum(['all', 'failed'], { error: 'must be all or failed' }).default('all').meta({
    description:
      'Which lines get a result. Use `failed` in clients that don’t read the response while they send.',
  }),
});

export type IdentityRequest = z.output<typeof identityRequest>;
export type IdentityUpdate = z.output<typeof identityUpdate>;
export type LookupRequest = z.output<typeof lookupRequest>;
export type ErasureRequest = z.output<typeof erasureRequest>;
export type IdentitySearch = z.output<typeof identitySearch>;
export type ImportOptions = z.output<typeof importOptions>;

/** A cursor is the id of the last item, as base64url of its 16 bytes. */
export function idOfCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function cursorOf(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}
