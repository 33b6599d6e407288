import {
  type Checkpoint,
  type CheckpointTrust,
  openCheckpoint,
  type PolicyCosignature,
  TransparencyLogError,
  type WitnessPolicy,
} from '#libs/transparency-log';
import type { AuditFault } from './audit-fault.js';

/** Which cosignatures the log must have. */
export interface WitnessRequirement {
  readonly policy: WitnessPolicy;
  /** Of the cosignatures that count. Default: any. */
  readonly maxAgeMs?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What the witnesses confirm of a log. */
export interface WitnessCheck {
  /** The checkpoint that they cosigned, which the log must continue. */
  readonly checkpoint?: Checkpoint;
  readonly cosignatures: readonly PolicyCosignature[];
  /** Absent when the quorum is met. */
  readonly fault?: AuditFault;
}

/**
 * Checks a checkpoint with cosignatures. Whether the log continues it is for its verification.
 *
 * @param note `undefined` when the log has none
 */
export function checkWitnesses(
  note: string | undefined,
  trust: CheckpointTrust,
  { policy, maxAgeMs = Infinity, now }: WitnessRequirement,
): WitnessCheck {
  if (policy.isMet([])) return { cosignatures: [] };
  if (note === undefined) return missing('no checkpoint has a quorum of witnesses');
  try {
    const { checkpoint } = openCheckpoint(note, trust);
    const all = policy.cosignatures(note);
    if (!policy.isMet(all)) {
      return missing('the witnesses that cosigned are no quorum of the policy', checkpoint, all);
    }
    const recent = all.filter(({ timestampSeconds }) => now - timestampSeconds * 1_000 <= maxAgeMs);
    return policy.isMet(recent)
      ? { checkpoint, cosignatures: all }
      : missing('the cosignatures of the quorum are too old', checkpoint, all);
  } catch (error) {
    if (!(error instanceof TransparencyLogError)) throw error;
    return missing('the cosigned checkpoint is not one of the log');
  }
}

function missing(
  detail: string,
  checkpoint?: Checkpoint,
  cosignatures: readonly PolicyCosignature[] = [],
): WitnessCheck {
  const index = checkpoint?.size ?? 0;
  const fault: AuditFault = { kind: 'quorum-missing', index, endIndex: index + 1, detail };
  return { ...(checkpoint && { checkpoint }), cosignatures, fault };
}
