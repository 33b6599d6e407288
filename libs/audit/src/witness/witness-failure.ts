/**
 * Why a witness did not cosign: no usable answer came (`unavailable`), it does not know the log or its key
 * (`refused`), its answer is not a fresh cosignature (`invalid`), it knows less of the log than it has
 * cosigned (`forgetful`), or it has cosigned another log of this name (`contradicted`): then the log was rolled
 * back or forked, or the witness is wrong.
 */
export type WitnessFailureKind =
  | 'unavailable'
  | 'refused'
  | 'invalid'
  | 'forgetful'
  | 'contradicted';

export class WitnessFailure extends Error {
  override readonly name = 'WitnessFailure';
  /** Milliseconds that the witness demands until the next attempt. */
  readonly retryAfterMs: number | undefined;

  /** @param message without texts of the witness */
  constructor(
    readonly kind: WitnessFailureKind,
    message: string,
    options: ErrorOptions & { readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}
