import type { AuditAction, AuditTarget, AuditTrail } from '#libs/audit';
import { type CallContext, ServiceError, StorageUnavailable } from '#libs/platform';
import { auditTargetOf, type Mapping } from '../model/mapping.js';
import { auditActorOf } from './call-context.js';

/** What a caller requests about a mapping, also about one that does not exist. */
interface Access {
  readonly action: AuditAction;
  /** As the caller named it. */
  readonly target: AuditTarget;
}

/**
 * Runs an operation on a mapping and records its refusal: also one about a missing, a deleted or another
 * tenant's mapping, so that probing leaves entries.
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
      action,
      outcome: 'denied',
      target,
      reason: { code: error.code, detail: error.detail },
    });
    throw error;
  }
}

/** Reads a mapping for somebody; recorded before it is shown, because it identifies a person. */
export async function recordingRead<T extends Mapping>(
  audit: AuditTrail,
  target: AuditTarget,
  context: CallContext,
  read: () => Promise<T>,
): Promise<T> {
  const action = 'identity.read';
  const mapping = await recordingRefusal(audit, { action, target }, context, read);
  const found = auditTargetOf(mapping);
  await audit.record({ ...auditActorOf(context), action, outcome: 'success', target: found });
  return mapping;
}

/** What an update changes. Names are personal data: only the hash of the new one is in the entry. */
export function changesOf(
  mapping: Mapping,
  next: Pick<Mapping, 'status' | 'displayName'>,
): Record<string, string | readonly string[]> {
  const isRenamed = mapping.displayName !== next.displayName;
  const isMoved = mapping.status !== next.status;
  const added = mapping.displayName === undefined ? 'added' : 'replaced';
  return {
    changed: [...(isRenamed ? ['displayName'] : []), ...(isMoved ? ['status'] : [])],
    ...(isRenamed && { displayName: next.displayName === undefined ? 'removed' : added }),
    ...(isMoved && { statusBefore: mapping.status, status: next.status }),
  };
}
