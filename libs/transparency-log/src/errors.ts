/**
 * What every refusal of this library extends. `code` is public API and never changes once released;
 * the message says what was wrong with the input and never repeats the input itself.
 */
export abstract class TransparencyLogError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
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

/** A tile does not have the length that its width asks for. */
export class MalformedTile extends TransparencyLogError {
  override readonly code = 'malformed-tile';
}

/** A path is not the one spelling of a tile or entry bundle. */
export class MalformedTilePath extends TransparencyLogError {
  override readonly code = 'malformed-tile-path';
}

/** An entry bundle is cut short, or holds more or fewer entries than it should. */
export class MalformedEntryBundle extends TransparencyLogError {
  override readonly code = 'malformed-entry-bundle';
}

/** An entry is longer than a bundle can carry. */
export class EntryTooLarge extends TransparencyLogError {
  override readonly code = 'entry-too-large';
}

/** Stored bytes are not a compact range. */
export class MalformedCompactRange extends TransparencyLogError {
  override readonly code = 'malformed-compact-range';
}

/** A proof does not lead to the root that it was held against. */
export class ProofMismatch extends TransparencyLogError {
  override readonly code = 'proof-mismatch';
}

/** A `.tlog-proof` file does not have its one form. */
export class MalformedProofFile extends TransparencyLogError {
  override readonly code = 'malformed-proof-file';
}

/** A key name, seed or verifier key can't be used. */
export class InvalidKey extends TransparencyLogError {
  override readonly code = 'invalid-key';
}

/** A signed note does not have its one form, or goes beyond the limits. */
export class MalformedNote extends TransparencyLogError {
  override readonly code = 'malformed-note';
}

/** No known key signed the note. */
export class UnverifiedNote extends TransparencyLogError {
  override readonly code = 'unverified-note';
}

/** A signature claims to be by a known key and is not. */
export class InvalidSignature extends TransparencyLogError {
  override readonly code = 'invalid-signature';
}

/** A note's text is not a checkpoint in its one form. */
export class MalformedCheckpoint extends TransparencyLogError {
  override readonly code = 'malformed-checkpoint';
}

/** A checkpoint is that of another log. */
export class OriginMismatch extends TransparencyLogError {
  override readonly code = 'origin-mismatch';
}

/** What differs between a log's entries, its tiles and its checkpoints. */
export type LogFault =
  'entry-differs' | 'entry-missing' | 'entry-added' | 'tile-differs' | 'root-differs';

/**
 * A log is not what its checkpoint says.
 *
 * The first wrong entry is at `firstIndex` when `endIndex` is the one after it, and somewhere from
 * `firstIndex` up to and without `endIndex` otherwise.
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
