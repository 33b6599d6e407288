import type { AuditTarget } from '#libs/audit';
import {
  type AssignmentHolder,
  type CommunicationResources,
  PRINCIPAL_TYPES,
  type TeamsPhoneAssignment,
} from '#libs/communication-services';
import { ascendingUuidV7, teamsExtensionUserId } from '#libs/platform';

export { PRINCIPAL_TYPES };

/**
 * `pending` until ACS has confirmed the assignment, then `active`. `deleting` until ACS has confirmed the
 * deletion, then `deleted`, which stays as a tombstone. `renewing` until ACS has confirmed a deletion whose
 * purpose is that it revokes tokens, then `pending` again.
 */
export const ASSIGNMENT_STATUSES = [
  'pending',
  'active',
  'renewing',
  'deleting',
  'deleted',
] as const;
export type AssignmentStatus = (typeof ASSIGNMENT_STATUSES)[number];

/** That a principal of a tenant may use Teams Phone extensibility, as this service wants it to be at ACS. */
export interface Assignment extends TeamsPhoneAssignment {
  /** UUID */
  readonly id: string;
  /** Name of the ACS resource. Never changes. */
  readonly resource: string;
  readonly status: AssignmentStatus;
  /** Starts at 1; grows by one with each change that somebody requests. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When ACS confirmed the deletion. */
  readonly deletedAt: Date | undefined;
}

/** An assignment in its first version. */
export function newAssignment(
  wanted: TeamsPhoneAssignment & Pick<Assignment, 'resource' | 'status'>,
  nowMs: number,
): Assignment {
  const at = new Date(nowMs);
  const members = { id: ascendingUuidV7(nowMs), version: 1, createdAt: at, updatedAt: at };
  return { ...wanted, ...members, deletedAt: undefined };
}

/** The next version of an assignment. */
export function nextVersion(
  known: Assignment,
  change: Pick<Assignment, 'status'> & Partial<TeamsPhoneAssignment>,
  nowMs: number,
): Assignment {
  return { ...known, ...change, version: known.version + 1, updatedAt: new Date(nowMs) };
}

/** The statuses of which ACS has yet to confirm something, and those that follow when it has. */
export const STATUS_ONCE_CONFIRMED = {
  pending: 'active',
  renewing: 'pending',
  deleting: 'deleted',
} as const;

/** An assignment of which ACS has yet to confirm something. */
export type OwedAssignment = Assignment & { readonly status: keyof typeof STATUS_ONCE_CONFIRMED };

/** Whether ACS has yet to confirm what the assignment says. */
export function isOwed(assignment: Assignment): assignment is OwedAssignment {
  return assignment.status in STATUS_ONCE_CONFIRMED;
}

/** Whether tokens that were exchanged under it are being revoked: until then, there must be no new ones. */
export function isRevoking({ status }: Pick<Assignment, 'status'>): boolean {
  return status === 'renewing' || status === 'deleting';
}

/** Whether an application that gets tokens under one assignment gets none under the other. */
export function takesAway(
  known: Pick<TeamsPhoneAssignment, 'clientIds'>,
  next: Pick<TeamsPhoneAssignment, 'clientIds'>,
): boolean {
  const isForAny = known.clientIds.length === 0;
  const isKept = (id: string): boolean => next.clientIds.some((other) => other === id);
  return next.clientIds.length > 0 && (isForAny || !known.clientIds.every(isKept));
}

/**
 * The user of Teams Phone extensibility in an audit entry, by the id that ACS gives to its tokens; without
 * that id when the resource is no longer configured.
 */
export function auditTargetOf(
  { tenant, objectId, resource }: AssignmentHolder & Pick<Assignment, 'resource'>,
  resources: CommunicationResources,
): AuditTarget {
  if (!resources.has(resource)) return { tenant, subject: objectId, resource };
  const { immutableResourceId } = resources.find(resource);
  const parts = { resource: immutableResourceId, tenant, user: objectId };
  const communicationUserId = teamsExtensionUserId(parts);
  return { tenant, subject: objectId, communicationUserId, resource };
}
