import { z } from 'zod';
import {
  type ErasureReport,
  IDENTITY_KINDS,
  type Mapping,
  MAPPING_STATUSES,
  type MappingPage,
} from '#libs/identity-mapping';
import { cursorOf } from './identity-requests.js';

export const identityResponse = z
  .strictObject({
    id: z.uuid(),
    kind: z.enum(IDENTITY_KINDS),
    tenant: z.string(),
    subject: z.string(),
    displayName: z.string().optional(),
    communicationUserId: z
      .string()
      .regex(/^8:acs:/)
      .optional()
      .meta({ description: 'Absent while the identity is pending.' }),
    resource: z
      .string()
      .meta({ description: 'Name of the ACS resource that the identity belongs to.' }),
    status: z.enum(MAPPING_STATUSES),
    isRevoking: z
      .boolean()
      .meta({ description: 'True until ACS has confirmed that the tokens are revoked.' }),
    version: z.int().min(1).meta({ description: 'Also in `ETag`.' }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    deletedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'Identity' });

export const identityPage = z
  .strictObject({ items: z.array(identityResponse), nextCursor: z.string().nullable() })
  .meta({ id: 'IdentityPage' });

export const lookupResponse = z
  .strictObject({
    items: z.array(
      z.strictObject({ communicationUserId: z.string(), identity: identityResponse.nullable() }),
    ),
  })
  .meta({ id: 'IdentityLookupResult' });

export const erasureResponse = z
  .strictObject({
    isComplete: z.boolean().meta({
      description:
        'Whether ACS has confirmed all deletions. If not, the service continues in the background.',
    }),
    effectiveWithinMinutes: z.int().meta({
      description:
        'How long ACS may accept tokens issued before, from its confirmation on (`isComplete`).',
    }),
    identities: z.array(
      z.strictObject({
        ...identityResponse.shape,
        problem: z
          .string()
          .optional()
          .meta({ description: 'Code of the problem that prevented this deletion.' }),
      }),
    ),
    assignmentProblem: z.string().optional().meta({
      description:
        'Code of the problem that prevents the deletion of the Teams Phone assignment of the person.',
    }),
  })
  .meta({ id: 'IdentityErasure' });

export type IdentityResponse = z.output<typeof identityResponse>;
export type IdentityPage = z.output<typeof identityPage>;
export type LookupResponse = z.output<typeof lookupResponse>;
export type ErasureResponse = z.output<typeof erasureResponse>;

export function toIdentity(mapping: Mapping): IdentityResponse {
  const { id, kind, tenant, subject, displayName, communicationUserId, deletedAt } = mapping;
  const { resource, status, version, createdAt, updatedAt } = mapping;
  const isRevoking = mapping.isRevoking || mapping.awaitsRevocation;
  return {
    id,
    kind,
    tenant,
    subject,
    ...(displayName !== undefined && { displayName }),
    ...(communicationUserId !== undefined && { communicationUserId }),
    resource,
    status,
    isRevoking,
    version,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    ...(deletedAt && { deletedAt: deletedAt.toISOString() }),
  };
}

export function toPage({ items, next }: MappingPage): IdentityPage {
  return {
    items: items.map(toIdentity),
    nextCursor: next === undefined ? null : cursorOf(next),
  };
}

export function toLookup(
  ids: readonly string[],
  found: readonly (Mapping | undefined)[],
): LookupResponse {
  return {
    items: ids.map((communicationUserId, nth) => {
      const mapping = found[nth];
      return { communicationUserId, identity: mapping ? toIdentity(mapping) : null };
    }),
  };
}

export function toErasure(report: ErasureReport): ErasureResponse {
  const { isComplete, effectiveWithinMinutes, mappings, assignmentProblem } = report;
  return {
    isComplete,
    effectiveWithinMinutes,
    identities: mappings.map(({ mapping, problem }) => ({
      ...toIdentity(mapping),
      ...(problem !== undefined && { problem }),
    })),
    ...(assignmentProblem !== undefined && { assignmentProblem }),
  };
}
