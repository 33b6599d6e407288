import type { Clock, Logger } from '#libs/platform';
import {
  type Checkpoint,
  type CheckpointTrust,
  type Cosigner,
  emptyRoot,
  formatSignatureLine,
  InvalidSignature,
  openCheckpoint,
  parseAddCheckpoint,
  parseCheckpoint,
  parseNote,
  ProofMismatch,
  TransparencyLogError,
  UnverifiedNote,
  verifyConsistency,
} from '#libs/transparency-log';
import type { WitnessStore } from './witness-store.js';

/** A response of C2SP tlog-witness. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly body: string;
  readonly contentType?: string;
}

export interface WitnessOptions {
  readonly cosigner: Cosigner;
  /** The logs whose checkpoints it cosigns, one for each origin. */
  readonly logs: readonly CheckpointTrust[];
  readonly store: WitnessStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Cosigns checkpoints of the logs that it knows, each of which must continue the last one that it cosigned
 * (C2SP tlog-witness).
 */
export class Witness {
  constructor(private readonly options: WitnessOptions) {}

  /**
   * Answers a request. It is one synchronous step, so that no other request comes between the comparison
   * with the last checkpoint and the storing of the new one.
   */
  addCheckpoint(body: string): WitnessAnswer {
    try {
      const request = parseAddCheckpoint(body);
      const { origin } = parseCheckpoint(parseNote(request.checkpoint).text);
      const log = this.options.logs.find((one) => one.origin === origin);
      if (!log) return { status: 404, body: 'the log is unknown\n' };
      const { checkpoint } = openCheckpoint(request.checkpoint, log);
      return this.#cosign(request, checkpoint);
    } catch (error) {
      if (error instanceof UnverifiedNote || error instanceof InvalidSignature) {
        return { status: 403, body: 'no known key of the log signed the checkpoint\n' };
      }
      if (!(error instanceof TransparencyLogError)) throw error;
      return { status: 400, body: `${error.message}\n` };
    }
  }

  #cosign(
    { oldSize, proof, checkpoint: note }: ReturnType<typeof parseAddCheckpoint>,
    checkpoint: Checkpoint,
  ): WitnessAnswer {
    const { cosigner, store, clock, logger } = this.options;
    const { origin, size, root } = checkpoint;
    if (oldSize > size) return { status: 400, body: 'the old size is greater than the size\n' };
    const latest = store.latest(origin) ?? { size: 0, root: emptyRoot() };
    if (latest.size !== oldSize) return otherSize(latest.size);
    const claim = { oldSize, oldRoot: latest.root, newSize: size, newRoot: root, proof };
    try {
      verifyConsistency(claim);
    } catch (error) {
      if (!(error instanceof ProofMismatch)) throw error;
      const isSameSize = oldSize === size && proof.length === 0;
      // Signed by the log, so that it may prove a fork.
      logger.error({ origin, cosignedSize: oldSize, size, note }, 'checkpoint not consistent');
      return isSameSize
        ? otherSize(latest.size)
        : { status: 422, body: 'the consistency proof does not verify\n' };
    }
    if (size > oldSize || !store.latest(origin)) store.save(origin, checkpoint, note);
    const { text } = parseNote(note);
    const line = formatSignatureLine(cosigner.cosign(text, Math.floor(clock.now() / 1_000)));
    logger.info({ origin, size }, 'checkpoint cosigned');
    return { status: 200, body: line };
  }
}

function otherSize(size: number): WitnessAnswer {
  return { status: 409, body: `${size}\n`, contentType: 'text/x.tlog.size' };
}
