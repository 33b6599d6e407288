import { z } from 'zod';
import {
  type Assignment,
  ASSIGNMENT_STATUSES,
  type AssignmentPage,
  PRINCIPAL_TYPES,
} from '#libs/teams-phone';
import { canonicalGuid, GUID_PATTERN } from '#libs/platform';
import { cursorOf, identitySearch } from '../identities/identity-requests.js';

/** A GUID in its canonical form. */
export const guid = z
  .string()
  .regex(GUID_PATTERN, 'must be a GUID')
  .transform((text, context) => {
    const canonical = canonicalGuid(text);
    if (canonical !== undefined) return canonical;
    context.addIssue('must be a GUID');
    return z.NEVER;
  })
  .meta({ description: 'GUID of the Entra directory.' });

export const assignmentRequest = z
  .strictObject({
    principalType: z.enum(PRINCIPAL_TYPES, {
      error: `is not one of ${PRINCIPAL_TYPES.join(', ')}`,
    }),
    clientIds: z
      .array(guid)
      .max(100, 'must name at most 100 applications')
      .transform((ids) => [...new Set(ids)])
      .default([])
      .meta({
        description: 'Applications through which Teams Phone may be used. Empty: through any.',
      }),
  })
  .meta({ id: 'TeamsPhoneAssignmentRequest' });

/** The query of a list; values are text, as in the URL. */
export const assignmentSearch = z.strictObject({
  tenant: guid.optional().meta({ description: 'The caller’s own, which is the default.' }),
  status: z
    .enum(ASSIGNMENT_STATUSES, { error: `is not one of ${ASSIGNMENT_STATUSES.join(', ')}` })
    .optional()
    .meta({ description: 'Default: all except deleted ones.' }),
  limit: identitySearch.shape.limit,
  cursor: identitySearch.shape.cursor,
});

export const assignmentResponse = z
  .strictObject({
    tenantId: z.string(),
    objectId: z.string(),
    principalType: z.enum(PRINCIPAL_TYPES),
    clientIds: z.array(z.string()),
    resource: z.string().meta({ description: 'Name of the ACS resource.' }),
    status: z.enum(ASSIGNMENT_STATUSES).meta({
      description: '`pending` and `deleting` until ACS has confirmed.',
    }),
    version: z.int().min(1),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    deletedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'TeamsPhoneAssignment' });

export const assignmentPage = z
  .strictObject({ items: z.array(assignmentResponse), nextCursor: z.string().nullable() })
  .meta({ id: 'TeamsPhoneAssignmentPage' });

export type AssignmentRequest = z.output<typeof assignmentRequest>;
export type AssignmentSearch = z.output<typeof assignmentSearch>;
export type AssignmentResponse = z.output<typeof assignmentResponse>;
export type AssignmentPageResponse = z.output<typeof assignmentPage>;

export function toAssignment(assignment: Assignment): AssignmentResponse {
  const { tenant, objectId, principalType, clientIds, resource, status, version } = assignment;
  const { createdAt, updatedAt, deletedAt } = assignment;
  return {
    ...{ tenantId: tenant, objectId, principalType, clientIds: [...clientIds] },
    ...{ resource, status, version },
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    ...(deletedAt && { deletedAt: deletedAt.toISOString() }),
  };
}

export function toAssignmentPage({ items, next }: AssignmentPage): AssignmentPageResponse {
  return {
    items: items.map(toAssignment),
    nextCursor: next === undefined ? null : cursorOf(next),
  };
}
