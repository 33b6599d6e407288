import { randomUUID } from 'node:crypto';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import {
  Clock,
  DatabaseUnavailable,
  explain,
  Logger,
  OutboundHttp,
  type ReadinessAnswer,
  ReadinessChecks,
  retryPauseMs,
  Sweeps,
} from '#libs/platform';
import {
  cosignatureTime,
  formatSignatureLine,
  parseNote,
  type PolicyWitness,
  type WitnessPolicy,
} from '#libs/transparency-log';
import { LogReader } from '../log/log-reader.js';
import type { SignedHead } from '../postgres/log-queries.js';
import { CosignedCheckpoints } from './cosigned-checkpoints.js';
import { WITNESS_TIMEOUT_MS, WitnessClient } from './witness-client.js';
import { WitnessFailure } from './witness-failure.js';
import { WitnessMetrics } from './witness-metrics.js';
import { auditWitnessSettings, type AuditWitnessSettings } from './witness-settings.js';
import { type WitnessState, WitnessStates } from './witness-states.js';

/** Beyond the interval: two submissions, each with its timeout, and statements around them. */
const LEASE_MARGIN_MS = 2 * WITNESS_TIMEOUT_MS + 15_000;
/** A witness states the largest tree as of a time: of a log that does not grow it is requested again. */
const REFRESH_MS = 5 * 60_000;
/** Without a quorum for this time, operators are informed. */
export const MAX_QUORUM_AGE_MS = 15 * 60_000;
/** The first submission may not know the size that the witness has. */
const MAX_SUBMISSIONS = 2;

/**
 * Has the newest checkpoint cosigned by the witnesses of `AUDIT_WITNESS_POLICY_FILE`, in the background.
 * Nothing waits for it: tokens are issued, and entries are proven, without it.
 */
@Injectable()
export class CheckpointCosigning implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #holder = randomUUID();
  readonly #client: WitnessClient;

  constructor(
    outbound: OutboundHttp,
    private readonly log: LogReader,
    private readonly checkpoints: CosignedCheckpoints,
    private readonly states: WitnessStates,
    private readonly metrics: WitnessMetrics,
    private readonly sweeps: Sweeps,
    private readonly readiness: ReadinessChecks,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(auditWitnessSettings.key) private readonly settings: AuditWitnessSettings,
  ) {
    this.#client = new WitnessClient(outbound, clock);
  }

  onApplicationBootstrap(): void {
    const { policy, intervalMs } = this.settings;
    if (!policy) return;
    this.readiness.register('witnesses', async () => this.#answer(policy));
    this.sweeps.start({
      name: 'audit cosigning',
      intervalMs,
      jitter: 0.2,
      runsAtStart: true,
      run: async (signal) => this.run(signal),
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.settings.policy) await this.states.release(this.#holder).catch(() => undefined); // it ends by its time
  }

  /**
   * Submits the newest checkpoint to each witness that has not cosigned it. Returns at once when another
   * process does so. After a failure another process may take over, whose node may reach the witness.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { policy, intervalMs } = this.settings;
    if (!policy) return;
    if (!(await this.states.acquire(this.#holder, intervalMs + LEASE_MARGIN_MS))) {
      this.#forget();
      return;
    }
    const head = await this.log.checkpoint();
    if (head.size === 0) return;
    const states = new Map((await this.states.all()).map((state) => [state.name, state]));
    const witnesses = policy.witnesses.filter(({ url }) => url !== undefined);
    const due = this.#due(policy, witnesses, states, head);
    const cosignatures = await Promise.all(
      due.map(async (witness) => this.#cosign(witness, states.get(witness.name), head, signal)),
    );
    const added = cosignatures.join('');
    if (added !== '') await this.#save(policy, head, added);
    await this.#observe(witnesses);
    if (cosignatures.includes('')) await this.states.release(this.#holder);
  }

  /** Those without a cosignature of the checkpoint, or with an old one, whose pause is over. */
  #due(
    policy: WitnessPolicy,
    witnesses: readonly PolicyWitness[],
    states: ReadonlyMap<string, WitnessState>,
    { checkpoint }: SignedHead,
  ): PolicyWitness[] {
    const since = (this.clock.now() - REFRESH_MS) / 1_000;
    const recent = policy
      .cosignatures(checkpoint)
      .filter(({ timestampSeconds }) => timestampSeconds >= since)
      .map(({ witness }) => witness.name);
    return witnesses.filter(
      ({ name }) => !recent.includes(name) && (states.get(name)?.retryInMs ?? 0) === 0,
    );
  }

  /** @returns the signature lines; empty when the witness did not cosign. Rejects for the database alone */
  async #cosign(
    witness: PolicyWitness,
    state: WitnessState | undefined,
    head: SignedHead,
    signal: AbortSignal,
  ): Promise<string> {
    const { name } = witness;
    try {
      const cosignatures = await this.#submit(witness, state, head, signal);
      await this.states.noteCosigned(name, head.size);
      this.metrics.cosigned.inc({ witness: name });
      if (state?.failure !== undefined)
        this.logger.info({ witness: name, size: head.size }, 'audit witness works again');
      return cosignatures;
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error;
      const failure = error instanceof WitnessFailure ? error : unexpected(error);
      if (!signal.aborted) await this.#noteFailure(name, state, failure);
      return '';
    }
  }

  /** @throws WitnessFailure */
  async #submit(
    witness: PolicyWitness,
    state: WitnessState | undefined,
    head: SignedHead,
    signal: AbortSignal,
  ): Promise<string> {
    const { size, checkpoint } = head;
    let oldSize = Math.min(state?.cosignedSize ?? 0, size);
    for (let attempt = 1; ; attempt += 1) {
      const proof = await this.log.tree(size).consistencyProof(oldSize);
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(WITNESS_TIMEOUT_MS)]);
      const submission = { oldSize, proof, checkpoint };
      const answer = await this.#client.submit(witness, submission, deadline);
      if ('cosignatures' in answer) return answer.cosignatures;
      const { otherSize } = answer;
      if (otherSize === oldSize)
        throw new WitnessFailure('contradicted', `cosigned another log of size ${oldSize} (409)`);
      if (otherSize > size) await this.#requireSize(otherSize);
      if (otherSize < oldSize) await this.#requireMemory(witness, { oldSize, otherSize, head });
      if (attempt === MAX_SUBMISSIONS || otherSize > size)
        throw new WitnessFailure('unavailable', 'cosigned for somebody else meanwhile (409)');
      oldSize = otherSize;
    }
  }

  /** Another replica may have submitted a later checkpoint; one beyond the log it can't have. */
  async #requireSize(cosignedSize: number): Promise<void> {
    const { size } = await this.log.checkpoint();
    if (cosignedSize <= size) return;
    const finding = `cosigned ${cosignedSize} entries, and the log has ${size}: it was rolled back`;
    throw new WitnessFailure('contradicted', finding);
  }

  /**
   * A witness may know less than it cosigned when it is another one: with another key, or for a log that
   * continues under a new name.
   *
   * @throws WitnessFailure when it is the same one, which may cosign a fork of what it forgot
   */
  async #requireMemory(
    { name }: PolicyWitness,
    { oldSize, otherSize, head }: { oldSize: number; otherSize: number; head: SignedHead },
  ): Promise<void> {
    if (otherSize === 0 && !(await this.#isProvenToKnow(name, head))) return;
    const finding = `cosigned ${oldSize} entries, and now knows ${otherSize}`;
    throw new WitnessFailure('forgetful', `${finding}: it was restored; replace its key`);
  }

  /** Whether the newest checkpoint with a quorum, of the log of this name, has a cosignature by its present key. */
  async #isProvenToKnow(name: string, { checkpoint }: SignedHead): Promise<boolean> {
    const newest = await this.checkpoints.newest();
    if (!newest || originOf(newest.checkpoint) !== originOf(checkpoint)) return false;
    const cosignatures = this.settings.policy?.cosignatures(newest.checkpoint) ?? [];
    return cosignatures.some(({ witness }) => witness.name === name);
  }

  /** Logged when the state changes, not for each attempt; the state is that of all replicas. */
  async #noteFailure(
    name: string,
    state: WitnessState | undefined,
    failure: WitnessFailure,
  ): Promise<void> {
    const { kind, message: detail } = failure;
    const retryMs = retryPauseMs(state?.failureCount ?? 0, failure.retryAfterMs);
    this.metrics.failures.inc({ witness: name, reason: kind });
    await this.states.noteFailure(name, { kind, detail, retryMs });
    if (kind === state?.failure) return;
    const fields = { witness: name, reason: kind, detail };
    if (kind === 'contradicted') this.logger.error(fields, 'audit log contradicted by a witness');
    else if (kind === 'forgetful')
      this.logger.error(fields, 'audit witness forgot what it cosigned');
    else this.logger.warn(fields, 'audit witness fails');
  }

  async #save(policy: WitnessPolicy, head: SignedHead, added: string): Promise<void> {
    const note = head.checkpoint + added;
    const hasQuorum = policy.isMet(policy.cosignatures(note));
    await this.checkpoints.save(head.size, cosignaturesOf(policy, note), hasQuorum);
  }

  async #observe(witnesses: readonly PolicyWitness[]): Promise<void> {
    const states = new Map((await this.states.all()).map((state) => [state.name, state]));
    for (const { name } of witnesses)
      this.metrics.failing.set({ witness: name }, states.get(name)?.failure === undefined ? 0 : 1);
    const witnessed = await this.checkpoints.newest();
    if (!witnessed) return;
    this.metrics.witnessedEntries.set({ quorum: 'service' }, witnessed.size);
    this.metrics.witnessedTimestamp.set(
      { quorum: 'service' },
      witnessed.cosignedAt.getTime() / 1_000,
    );
  }

  #forget(): void {
    const { failing, witnessedEntries, witnessedTimestamp } = this.metrics;
    for (const gauge of [failing, witnessedEntries, witnessedTimestamp]) gauge.reset();
  }

  /** Always ready: a witness is never a reason to issue no tokens. */
  async #answer(policy: WitnessPolicy): Promise<ReadinessAnswer> {
    try {
      const names = policy.witnesses.map(({ name }) => name);
      const failing = (await this.states.all()).filter(
        ({ name, failure }) => names.includes(name) && failure !== undefined,
      );
      const degradations = failing.map(
        ({ name, failure, failureDetail, failingSince }) =>
          `witness ${name} has been ${String(failure)} since ${failingSince?.toISOString() ?? ''}: ${failureDetail ?? ''}`,
      );
      const newest = await this.checkpoints.newest();
      if (!newest) degradations.push('no checkpoint has a quorum of witnesses yet');
      else if (this.clock.now() - newest.cosignedAt.getTime() > MAX_QUORUM_AGE_MS)
        degradations.push(`no quorum since ${newest.cosignedAt.toISOString()}`);
      if (degradations.length === 0) return { isReady: true };
      return { isReady: true, degradation: degradations.join('; ') };
    } catch (error) {
      // Another part says that the database is unavailable.
      return {
        isReady: true,
        degradation: `the states of the witnesses can not be read: ${explain(error)}`,
      };
    }
  }
}

function originOf(checkpoint: string): string | undefined {
  return checkpoint.split('\n', 1)[0];
}

/** What fails with one witness keeps no other from cosigning, and is its state. */
function unexpected(cause: unknown): WitnessFailure {
  return new WitnessFailure('unavailable', explain(cause), { cause });
}

/** The newest valid signature line of each witness of the policy. */
function cosignaturesOf(policy: WitnessPolicy, note: string): string {
  const { text, signatures } = parseNote(note);
  return policy
    .cosignatures(note)
    .map(({ witness: { verifier }, timestampSeconds }) => {
      const newest = signatures.findLast(
        (signature) =>
          verifier.verify(text, signature) && cosignatureTime(signature) === timestampSeconds,
      );
      return newest ? formatSignatureLine(newest) : '';
    })
    .join('');
}
