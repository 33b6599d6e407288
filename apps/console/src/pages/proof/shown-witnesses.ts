import { ProblemError } from '@acs-identity/client';
import { WitnessPolicy } from '#libs/transparency-log';
import type { Api } from '../../api/api.js';
import type { AuditHealth } from '../../api/schemas.js';
import { type PinnedPolicy, pinPolicy } from './remembered.js';

/** What the service shows of the witnesses; nothing of it is trusted but the policy of the first visit. */
export interface ShownWitnesses {
  /** Absent: none is known. */
  readonly policy: PinnedPolicy | undefined;
  /** The newest checkpoint with a quorum, as the service has it. */
  readonly note: string | undefined;
  /** What the service says of them; absent for auditors of other tenants, and while its health has no answer. */
  readonly known: AuditHealth['witnesses'];
}

/** @param required the policy that this browser requires; without one, that of the service is required from now on */
export async function shownWitnesses(
  api: Pick<Api, 'json' | 'text'>,
  required: PinnedPolicy | undefined,
  isHome: boolean,
  signal: AbortSignal,
): Promise<ShownWitnesses> {
  const known = isHome ? await knownWitnesses(api, required !== undefined, signal) : undefined;
  const policy = required ?? (known && firstPolicy(known.policy));
  if (!policy) return { policy, note: undefined, known };
  // It has none for its own policy. A checkpoint from before may meet another one.
  if (known?.hasQuorum === false && known.policy.trim() === policy.text)
    return { policy, note: undefined, known };
  try {
    const note = await api.text('/v1/audit/log/checkpoint/witnessed', { signal });
    return { policy, note, known };
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 404) throw error;
    return { policy, note: undefined, known };
  }
}

/** @param isOptional whether the policy is known without it */
async function knownWitnesses(
  api: Pick<Api, 'json'>,
  isOptional: boolean,
  signal: AbortSignal,
): Promise<AuditHealth['witnesses']> {
  try {
    return (await api.json<AuditHealth>('GET', '/v1/audit/health', { signal })).witnesses;
  } catch (error) {
    if (!isOptional) throw error;
    return undefined;
  }
}

/** The policy that the service names, required from now on. */
function firstPolicy(text: string): PinnedPolicy {
  WitnessPolicy.parse(text);
  return pinPolicy(text, 'first visit');
}
