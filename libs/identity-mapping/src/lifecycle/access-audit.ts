import { type AuditTarget, type AuditTrail, recordingRefusal } from '#libs/audit';
import type { CallContext } from '#libs/platform';
import { auditTargetOf, type Mapping } from '../model/mapping.js';
import { auditActorOf } from './call-context.js';

export { recordingRefusal } from '#libs/audit';

/** Reads a mapping for somebody; recorded before it is shown, because it identifies a person. */
export async function recordingRead<T extends Mapping>(
  audit: AuditTrail,
  target: AuditTarget,
  context: CallContext,
  read: () => Promise<T>,
): Promise<T> {
  const action = 'identity.read';
  const mapping = await recordingRefusal(audit, { action, target }, context, read);
  await recordRead(audit, mapping, context);
  return mapping;
}

/** Records that somebody is shown a mapping. */
export async function recordRead(
  audit: AuditTrail,
  mapping: Mapping,
  context: CallContext,
): Promise<void> {
  await audit.record({
    ...auditActorOf(context),
    action: 'identity.read',
    outcome: 'success',
    target: auditTargetOf(mapping),
  });
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
