import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '#libs/platform';
import { TransparencyLogError, type WitnessPolicy } from '#libs/transparency-log';
import { CosignedCheckpoints } from '../witness/cosigned-checkpoints.js';
import { MAX_QUORUM_AGE_MS } from '../witness/checkpoint-cosigning.js';
import { auditWitnessSettings, type AuditWitnessSettings } from '../witness/witness-settings.js';
import { type WitnessState, WitnessStates } from '../witness/witness-states.js';

/** How the witnesses of the policy do. */
export interface WitnessHealth {
  /** C2SP tlog-policy, without addresses: a verifier can require the same quorum. */
  readonly policy: string;
  readonly witnesses: readonly WitnessState[];
  /** The newest checkpoint with a quorum of this policy; absent when there is none. */
  readonly witnessed: { readonly size: number; readonly cosignedAt: Date } | undefined;
  /** Sentences for people, each something to look at. */
  readonly concerns: readonly string[];
}

/** What the service knows of its witnesses. */
@Injectable()
export class WitnessOverview {
  constructor(
    private readonly checkpoints: CosignedCheckpoints,
    private readonly states: WitnessStates,
    private readonly clock: Clock,
    @Inject(auditWitnessSettings.key) private readonly settings: AuditWitnessSettings,
  ) {}

  /** @returns `undefined` when the service has no policy */
  async read(): Promise<WitnessHealth | undefined> {
    const { policy } = this.settings;
    if (!policy) return undefined;
    const known = new Map((await this.states.all()).map((state) => [state.name, state]));
    const witnesses = policy.witnesses.map(({ name }) => known.get(name) ?? notBegun(name));
    const witnessed = await this.#witnessed(policy);
    const failing = witnesses.filter(({ failure }) => failure !== undefined);
    return {
      policy: policy.toString(),
      witnesses,
      witnessed,
      concerns: [
        ...failing.map(({ name, failure }) => `the witness ${name} is ${String(failure)}`),
        ...this.#quorumConcerns(witnessed),
      ],
    };
  }

  /** The policy may have changed since the checkpoint was cosigned. */
  async #witnessed(policy: WitnessPolicy): Promise<WitnessHealth['witnessed']> {
    const newest = await this.checkpoints.newest();
    if (!newest || !hasQuorum(policy, newest.checkpoint)) return undefined;
    return { size: newest.size, cosignedAt: newest.cosignedAt };
  }

  #quorumConcerns(witnessed: WitnessHealth['witnessed']): string[] {
    if (!witnessed) return ['no checkpoint has a quorum of witnesses'];
    const isOld = this.clock.now() - witnessed.cosignedAt.getTime() > MAX_QUORUM_AGE_MS;
    return isOld
      ? [`no quorum of witnesses cosigned since ${witnessed.cosignedAt.toISOString()}`]
      : [];
  }
}

/** A row that was edited may have a text that is no checkpoint. */
function hasQuorum(policy: WitnessPolicy, note: string): boolean {
  try {
    return policy.isMet(policy.cosignatures(note));
  } catch (error) {
    if (error instanceof TransparencyLogError) return false;
    throw error;
  }
}

function notBegun(name: string): WitnessState {
  return {
    name,
    cosignedSize: 0,
    failure: undefined,
    failureDetail: undefined,
    failingSince: undefined,
    failureCount: 0,
    retryInMs: 0,
  };
}
