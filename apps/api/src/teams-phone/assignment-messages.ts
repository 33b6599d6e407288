import { z } from 'zod';
import {
  type Assignment,
  ASSIGNMENT_STATUSES,
  assignmentFields,
  type AssignmentPage,
  PRINCIPAL_TYPES,
} from '#libs/teams-phone';
import { canonicalGuid, type Guid } from '#libs/platform';
import type { CurrentCall } from '../http/current-call.js';
import { cursorOf, identitySearch } from '../identities/identity-requests.js';

export const { guid } = assignmentFields;

export const assignmentRequest = z
  .strictObject({
    principalType: assignmentFields.principalType,
    clientIds: assignmentFields.clientIds,
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
      description: '`pending`, `renewing` and `deleting` until ACS has confirmed.',
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

/** The caller's tenant. One that is no GUID has no assignments: the zero GUID is no tenant. */
export function tenantOf({ actor }: CurrentCall): Guid {
  return canonicalGuid(actor.tenant) ?? NO_TENANT;
}

const NO_TENANT = '00000000-0000-0000-0000-000000000000' as Guid; // of the form of one
