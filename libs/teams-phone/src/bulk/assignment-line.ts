import { z } from 'zod';
import type { TeamsPhoneAssignment } from '#libs/communication-services';
import { type Guid, type LineFault, parseJsonLine, type StreamLine } from '#libs/platform';
import { assignmentFields } from '../assignment-fields.js';
import type { AssignmentStatus } from '../assignment.js';

/** A valid line of an import. */
export interface AssignmentItem extends TeamsPhoneAssignment {
  readonly number: number;
}

/** The result of one line. */
export interface AssignmentLineResult {
  readonly line: number;
  readonly outcome: 'created' | 'replaced' | 'unchanged' | 'failed';
  /** `pending` or `renewing` when ACS has not confirmed it. */
  readonly status?: AssignmentStatus;
  readonly error?: { readonly code: string; readonly detail: string };
}

/** The statuses of lines of an export, which an import accepts. */
export const EXPORTED_STATUSES = ['pending', 'active'] as const;

const assignmentLine = z.strictObject({
  tenantId: assignmentFields.guid.optional(),
  objectId: assignmentFields.guid,
  principalType: assignmentFields.principalType,
  clientIds: assignmentFields.clientIds,
  // Members of an export, which an import ignores.
  status: z
    .enum(EXPORTED_STATUSES, { error: `is not one of ${EXPORTED_STATUSES.join(', ')}` })
    .optional(),
  resource: z.string().max(64).optional(),
  version: z.int().min(1).optional(),
  createdAt: z.iso.datetime().optional(),
  updatedAt: z.iso.datetime().optional(),
});

/**
 * Reads a line of an import.
 *
 * @param tenant that of lines without one
 * @param isAnyTenant whether lines may be of other tenants
 */
export function readAssignmentLine(
  line: StreamLine,
  { tenant, isAnyTenant }: { readonly tenant: Guid; readonly isAnyTenant: boolean },
): AssignmentItem | LineFault {
  const parsed = parseJsonLine(line, () => assignmentLine);
  if ('code' in parsed) return parsed;
  const { number } = line;
  const { tenantId = tenant, objectId, principalType, clientIds } = parsed.data;
  if (tenantId !== tenant && !isAnyTenant) {
    return { number, code: 'tenant-not-allowed', detail: 'the tenant is not the caller’s own' };
  }
  return { number, tenant: tenantId, objectId, principalType, clientIds };
}

export function failure(
  line: number,
  { code, detail }: { readonly code: string; readonly detail: string },
): AssignmentLineResult {
  return { line, outcome: 'failed', error: { code, detail } };
}
