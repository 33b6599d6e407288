/**
 * The base class of all errors of this library. `code` is stable public API. The message describes the
 * fault and never contains the input.
 */
export abstract class TransparencyLogError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An index, size, level or width lies outside the tree, or is not a safe integer. */
export class OutOfRange extends TransparencyLogError {
  override readonly code = 'out-of-range';
}

/** A hash is not 32 bytes long. */
export class MalformedHash extends TransparencyLogError {
  override readonly code = 'malformed-hash';
}

/** A tile does not have the length of its width. */
export class MalformedTile extends TransparencyLogError {
  override readonly code = 'malformed-tile';
}

/** A path is not the canonical path of a tile or an entry bundle. */
export class MalformedTilePath extends TransparencyLogError {
  override readonly code = 'malformed-tile-path';
}

/** An entry bundle is truncated, or has more or fewer entries than expected. */
export class MalformedEntryBundle extends TransparencyLogError {
  override readonly code = 'malformed-entry-bundle';
}

/** An entry is longer than a bundle can store. */
export class EntryTooLarge extends TransparencyLogError {
  override readonly code = 'entry-too-large';
}

/** The subtree roots do not match the size of the tree. */
export class MalformedCompactRange extends TransparencyLogError {
  override readonly code = 'malformed-compact-range';
}

/** A proof does not give the expected root. */
export class ProofMismatch extends TransparencyLogError {
  override readonly code = 'proof-mismatch';
}

/** A text is not a canonical `.tlog-proof` file. */
export class MalformedProofFile extends TransparencyLogError {
  override readonly code = 'malformed-proof-file';
}

/** A text is not the body of a request `add-checkpoint`. */
export class MalformedAddCheckpoint extends TransparencyLogError {
  override readonly code = 'malformed-add-checkpoint';
}

/** A text is not a policy file. The message names the line. */
export class InvalidPolicy extends TransparencyLogError {
  override readonly code = 'invalid-policy';
}

/** A key name, seed or verifier key is invalid. */
export class InvalidKey extends TransparencyLogError {
  override readonly code = 'invalid-key';
}

/** A text is not a canonical signed note, or exceeds the limits. */
export class MalformedNote extends TransparencyLogError {
  override readonly code = 'malformed-note';
}

/** No trusted key signed the note. */
export class UnverifiedNote extends TransparencyLogError {
  override readonly code = 'unverified-note';
}

/** A retired key signed the checkpoint of a log that is longer than the key may have signed. */
export class BeyondRetirement extends UnverifiedNote {
  constructor(
    readonly size: number,
    readonly untilSize: number,
  ) {
    super(
      `a key of the log signed it at ${size} entries and is retired since the log had ${untilSize}, from which it was continued without the others`,
    );
  }
}

/** A signature claims a trusted key and does not verify. */
export class InvalidSignature extends TransparencyLogError {
  override readonly code = 'invalid-signature';
}

/** The text of a note is not a canonical checkpoint. */
export class MalformedCheckpoint extends TransparencyLogError {
  override readonly code = 'malformed-checkpoint';
}

/** A checkpoint belongs to another log. */
export class OriginMismatch extends TransparencyLogError {
  override readonly code = 'origin-mismatch';
}

/** The kind of difference between a log's entries, tiles and checkpoints. */
export type LogFault =
  | 'entry-differs'
  | 'entry-missing'
  | 'entry-added'
  | 'tile-differs'
  | 'root-differs';

/**
 * A log does not match its checkpoint. The first wrong entry has an index from `firstIndex` (inclusive)
 * to `endIndex` (exclusive).
 */
export class LogMismatch extends TransparencyLogError {
  override readonly code = 'log-mismatch';

  constructor(
    readonly fault: LogFault,
    readonly firstIndex: number,
    readonly endIndex: number,
  ) {
    super(`${fault} in [${firstIndex}, ${endIndex})`);
  }
}
