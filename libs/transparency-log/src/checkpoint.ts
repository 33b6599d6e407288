import { equalBytes } from './bytes.js';
import { decodeBase64, encodeBase64, parseDecimal } from './canonical-text.js';
import { BeyondRetirement, MalformedCheckpoint, OriginMismatch, UnverifiedNote } from './errors.js';
import { emptyRoot, HASH_BYTES } from './hashing.js';
import { cosignatureTime, type NoteSigner } from './note-signer.js';
import type { NoteVerifier } from './note-verifier.js';
import { type OpenedNote, openNote, parseNote, signNote } from './signed-note.js';

/** What a log signs: the size and the root of its tree (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Identifies the log, such as `example.com/audit`. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Extension lines. Not auditable; avoid them. */
  readonly extensions?: readonly string[];
}

/** A verified cosignature of a witness. */
export interface Cosignature {
  readonly name: string;
  /** POSIX time. */
  readonly timestampSeconds: number;
}

/** A verified checkpoint: its log signed it. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
}

/** A key that the log signs with no longer. */
export interface RetiredKey {
  readonly verifier: NoteVerifier;
  /** Its signature counts for checkpoints of this size at most, so that a stolen key is of no use. */
  readonly untilSize: number;
}

/** The log and the keys that `openCheckpoint` accepts. */
export interface CheckpointTrust {
  readonly origin: string;
  /**
   * The log's keys (kind `ed25519`), of which at least one must have signed, and the keys of witnesses
   * (kind `cosignature`), whose cosignatures are reported.
   */
  readonly verifiers: readonly NoteVerifier[];
  /**
   * Further keys of the log, which have signed smaller checkpoints. Default: none. One with another name is
   * of a time when the log had that name: it counts for checkpoints of that origin.
   */
  readonly retired?: readonly RetiredKey[];
}

/**
 * Formats the text to sign, which ends in a newline.
 *
 * @throws MalformedCheckpoint unless `parseCheckpoint` accepts the result.
 */
export function formatCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  const lines = [origin, String(size), encodeBase64(root), ...extensions];
  if (lines.some((line) => line.includes('\n'))) {
    throw new MalformedCheckpoint('an origin or extension must be a single line');
  }
  const text = lines.map((line) => `${line}\n`).join('');
  parseCheckpoint(text);
  return text;
}

/**
 * Parses the signed text of a checkpoint.
 *
 * @throws MalformedCheckpoint when a line is missing or empty, the size is not a canonical decimal
 *   below 2^53, the root is not canonical base64 of 32 bytes, or the root of size 0 is not that of the
 *   empty tree.
 */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) {
    throw new MalformedCheckpoint('a checkpoint must end in a newline');
  }
  const [origin, sizeLine, rootLine, ...extensions] = text.slice(0, -1).split('\n');
  const size = parseDecimal(sizeLine ?? '');
  const root = decodeBase64(rootLine ?? '');
  if (origin === undefined || origin === '' || extensions.includes('')) {
    throw new MalformedCheckpoint('a line is empty');
  }
  if (size === undefined || root?.length !== HASH_BYTES) {
    throw new MalformedCheckpoint('the size or the root is malformed');
  }
  if (size === 0 && !equalBytes(root, emptyRoot())) {
    throw new MalformedCheckpoint('the root is not that of an empty tree');
  }
  return extensions.length === 0 ? { origin, size, root } : { origin, size, root, extensions };
}

/**
 * Signs a checkpoint with each of the log's keys. The caller guarantees that it is consistent with
 * every checkpoint signed before: two inconsistent checkpoints prove that the log misbehaved.
 */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): string {
  return signNote(formatCheckpoint(checkpoint), signers);
}

/**
 * Verifies a signed checkpoint. A cosignature does not replace the signature of the log.
 *
 * @throws MalformedNote, InvalidSignature and UnverifiedNote as `openNote` does.
 * @throws BeyondRetirement when only a retired key signed, and the checkpoint is larger than it may have signed.
 * @throws MalformedCheckpoint as `parseCheckpoint` does.
 * @throws OriginMismatch for the checkpoint of another log.
 */
export function openCheckpoint(
  note: string | Uint8Array,
  trust: CheckpointTrust,
): OpenedCheckpoint {
  const retired = retiredVerifiers(note, trust.retired);
  const verifiers = [...trust.verifiers, ...retired];
  const { text, verified } = openByKeys(note, verifiers, trust.retired);
  if (!verified.some(({ verifier }) => verifier.kind === 'ed25519')) {
    throw new UnverifiedNote('no trusted key of the log signed the checkpoint');
  }
  const checkpoint = parseCheckpoint(text);
  const isOfEarlierName = verified.some(
    ({ verifier }) => retired.includes(verifier) && verifier.name === checkpoint.origin,
  );
  if (checkpoint.origin !== trust.origin && !isOfEarlierName) {
    throw new OriginMismatch('the checkpoint belongs to another log');
  }
  const cosignatures = verified
    .filter(({ verifier }) => verifier.kind === 'cosignature')
    .map(({ verifier: { name }, signature }) => ({
      name,
      timestampSeconds: cosignatureTime(signature),
    }));
  return { checkpoint, cosignatures };
}

/** Names the retired key of a log that was continued from an earlier state, as after a restore. */
function openByKeys(
  note: string | Uint8Array,
  verifiers: readonly NoteVerifier[],
  retired: readonly RetiredKey[] = [],
): OpenedNote {
  try {
    return openNote(note, verifiers);
  } catch (error) {
    if (!(error instanceof UnverifiedNote)) throw error;
    const { text, signatures } = parseNote(note);
    const signing = retired.find(({ verifier }) =>
      signatures.some((one) => verifier.claims(one) && verifier.verify(text, one)),
    );
    if (!signing) throw error;
    throw new BeyondRetirement(parseCheckpoint(text).size, signing.untilSize);
  }
}

function retiredVerifiers(
  note: string | Uint8Array,
  retired: readonly RetiredKey[] = [],
): NoteVerifier[] {
  if (retired.length === 0) return [];
  const { size } = parseCheckpoint(parseNote(note).text);
  return retired.filter(({ untilSize }) => size <= untilSize).map(({ verifier }) => verifier);
}
