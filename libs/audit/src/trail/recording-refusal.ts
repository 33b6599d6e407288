import { type CallContext, ServiceError, StorageUnavailable } from '#libs/platform';
import type { AuditAction, AuditEvent, AuditTarget } from './audit-event.js';
import type { AuditTrail } from './audit-trail.js';

/** What a caller requests, also about something that does not exist. */
export interface Access {
  readonly action: AuditAction | ((refusal: ServiceError) => AuditAction);
  /** As the caller named it. */
  readonly target: AuditTarget;
}

/** The members of an audit event that name the actor and its request. */
export function auditActorOf({
  actor,
  request,
}: CallContext): Pick<AuditEvent, 'actor' | 'request'> {
  return request ? { actor, request } : { actor };
}

/**
 * Runs an operation and records its refusal: also one about a missing, a deleted or another tenant's row,
 * so that probing leaves entries.
 *
 * @throws whatever the operation throws
 */
export async function recordingRefusal<T>(
  audit: AuditTrail,
  { action, target }: Access,
  context: CallContext,
  operation: () => Promise<T>,
): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const isRefusal = error instanceof ServiceError && error.status < 500;
    if (!isRefusal || error instanceof StorageUnavailable) throw error;
    await audit.record({
      ...auditActorOf(context),
      action: typeof action === 'function' ? action(error) : action,
      outcome: 'denied',
      target,
      reason: { code: error.code, detail: error.detail },
    });
    throw error;
  }
}
