import type { Dispatcher } from 'undici';
import { type Clock, noAnswerFrom, type OutboundHttp, retryAfterMs } from '#libs/platform';
import {
  type AddCheckpoint,
  cosignatureTime,
  formatAddCheckpoint,
  formatSignatureLine,
  parseNote,
  type PolicyWitness,
  TransparencyLogError,
} from '#libs/transparency-log';
import { WitnessFailure } from './witness-failure.js';

/** What a witness answered to a submission. */
export type WitnessAnswer =
  /** Signature lines on the checkpoint, verified. */
  | { readonly cosignatures: string }
  /** The size of the checkpoint that it cosigned last; another one than the submission says. */
  | { readonly otherSize: number };

/** Of one submission. */
export const WITNESS_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Beyond the clocks' difference, a cosignature was made for another submission. */
const MAX_AGE_MS = 5 * 60_000;

/** Submits checkpoints to witnesses (C2SP tlog-witness). Redirects are not followed. */
export class WitnessClient {
  readonly #dispatcher: Dispatcher;

  constructor(
    outbound: OutboundHttp,
    private readonly clock: Clock,
  ) {
    this.#dispatcher = outbound.dispatcher({
      timeoutMs: WITNESS_TIMEOUT_MS,
      connections: 1,
      maxResponseBytes: MAX_ANSWER_BYTES,
    });
  }

  /** @throws WitnessFailure */
  async submit(
    witness: PolicyWitness,
    submission: AddCheckpoint,
    signal: AbortSignal,
  ): Promise<WitnessAnswer> {
    const { status, text, retryAfter } = await this.#post(witness, submission, signal);
    switch (status) {
      case 200:
        return { cosignatures: this.#verified(witness, submission.checkpoint, text) };
      case 409: {
        const [, size] = /^(0|[1-9]\d{0,14})\n$/.exec(text) ?? [];
        if (size === undefined) throw new WitnessFailure('invalid', 'answered 409 without a size');
        return { otherSize: Number(size) };
      }
      case 403:
        throw new WitnessFailure('refused', 'does not know the key of the log (403)');
      case 404:
        throw new WitnessFailure('refused', 'does not know the log, or has another address (404)');
      case 422:
        throw new WitnessFailure(
          'contradicted',
          'the log does not continue what it cosigned (422)',
        );
      default: {
        const isTemporary = status === 429 || status === 408 || status >= 500;
        const wait = { retryAfterMs: retryAfterMs(retryAfter, this.clock.now()) };
        throw new WitnessFailure(
          isTemporary ? 'unavailable' : 'refused',
          `answered ${status}`,
          wait,
        );
      }
    }
  }

  async #post(
    { url = '' }: PolicyWitness,
    submission: AddCheckpoint,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string; retryAfter: string | undefined }> {
    const { origin, host, pathname } = new URL(`${url.replace(/\/+$/, '')}/add-checkpoint`);
    try {
      const { statusCode, headers, body } = await this.#dispatcher.request({
        ...{ origin, path: pathname, method: 'POST', signal },
        headers: { 'user-agent': 'acs-identity', 'content-type': 'text/plain; charset=utf-8' },
        body: formatAddCheckpoint(submission),
      });
      const value = headers['retry-after'];
      const retryAfter = Array.isArray(value) ? value[0] : value;
      return { status: statusCode, text: await body.text(), retryAfter };
    } catch (error) {
      const detail = noAnswerFrom(host, error, signal.aborted);
      throw new WitnessFailure('unavailable', detail, { cause: error });
    }
  }

  /** Signatures of other keys are left out (C2SP tlog-witness: a client ignores them). */
  #verified({ verifier }: PolicyWitness, checkpoint: string, answer: string): string {
    const { text, signatures } = noteOf(checkpoint + answer);
    const own = signatures.filter((signature) => verifier.verify(text, signature));
    if (own.length === 0 || text !== parseNote(checkpoint).text) {
      throw new WitnessFailure('invalid', 'answered no cosignature of its key on the checkpoint');
    }
    const now = this.clock.now();
    const fresh = own.filter(
      (signature) => Math.abs(cosignatureTime(signature) * 1_000 - now) <= MAX_AGE_MS,
    );
    if (fresh.length === 0) {
      throw new WitnessFailure('invalid', 'its cosignature has the time of another hour');
    }
    return fresh.map(formatSignatureLine).join('');
  }
}

function noteOf(note: string): ReturnType<typeof parseNote> {
  try {
    return parseNote(note);
  } catch (cause) {
    if (!(cause instanceof TransparencyLogError)) throw cause;
    throw new WitnessFailure('invalid', 'answered no signature lines', { cause });
  }
}
