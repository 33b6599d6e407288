import { decodeBase64, parseDecimal } from './canonical-text.js';
import { MalformedCheckpoint, OriginMismatch, UnverifiedNote } from './errors.js';
import { emptyRoot, hashBytes } from './hashing.js';
import { cosignatureTime, type NoteSigner } from './note-signer.js';
import type { NoteVerifier } from './note-verifier.js';
import { openNote, signNote } from './signed-note.js';

/** What a log signs: the root of its tree at a size (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Which log, such as `example.com/audit`. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Further lines, which no one can audit; best left out. */
  readonly extensions?: readonly string[];
}

/** A witness's statement about a checkpoint. */
export interface Cosignature {
  readonly name: string;
  /** POSIX time. */
  readonly timestampSeconds: number;
}

/** A checkpoint that its log signed. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
}

/** How to open a signed checkpoint. */
export interface CheckpointTrust {
  readonly origin: string;
  /**
   * The log's keys (kind `ed25519`), of which one must have signed, and the keys of witnesses (kind
   * `cosignature`), whose statements are reported.
   */
  readonly verifiers: readonly NoteVerifier[];
}

/**
 * The text to sign, which ends in a newline.
 *
 * @throws MalformedCheckpoint unless `parseCheckpoint` can read it back.
 */
export function formatCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  const lines = [origin, String(size), Buffer.from(root).toString('base64'), ...extensions];
  if (lines.some((line) => line.includes('\n'))) {
    throw new MalformedCheckpoint('an origin or extension is one line');
  }
  const text = lines.map((line) => `${line}\n`).join('');
  parseCheckpoint(text);
  return text;
}

/**
 * Reads the text of a checkpoint, the part that is signed.
 *
 * @throws MalformedCheckpoint when a line is missing or empty, the size is not a decimal below 2^53
 *   in its one spelling, the root is not base64 of 32 bytes, or an empty tree has another root than
 *   the empty one.
 */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) {
    throw new MalformedCheckpoint('a checkpoint ends in a newline');
  }
  const [origin, sizeLine, rootLine, ...extensions] = text.slice(0, -1).split('\n');
  const size = parseDecimal(sizeLine ?? '');
  const root = decodeBase64(rootLine ?? '');
  if (origin === undefined || origin === '' || extensions.includes('')) {
    throw new MalformedCheckpoint('a line is empty');
  }
  if (size === undefined || root?.length !== hashBytes) {
    throw new MalformedCheckpoint('the size or the root has another form');
  }
  if (size === 0 && !root.equals(emptyRoot())) {
    throw new MalformedCheckpoint('the root is not that of an empty tree');
  }
  return extensions.length === 0 ? { origin, size, root } : { origin, size, root, extensions };
}

/**
 * Signs a checkpoint with each of the log's keys. The caller must know that it continues every
 * checkpoint that the log signed before: two that don't fit prove the log false.
 */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): string {
  return signNote(formatCheckpoint(checkpoint), signers);
}

/**
 * Verifies a signed checkpoint. A witness's signature alone does not make it the log's.
 *
 * @throws MalformedNote, InvalidSignature and UnverifiedNote as `openNote` does.
 * @throws OriginMismatch when it is the checkpoint of another log.
 */
export function openCheckpoint(
  note: string | Uint8Array,
  trust: CheckpointTrust,
): OpenedCheckpoint {
  const { text, verified } = openNote(note, trust.verifiers);
  if (!verified.some(({ verifier }) => verifier.kind === 'ed25519')) {
    throw new UnverifiedNote('none of the known keys of the log signed the checkpoint');
  }
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== trust.origin) {
    throw new OriginMismatch('the checkpoint is that of another log');
  }
  const cosignatures = verified
    .filter(({ verifier }) => verifier.kind === 'cosignature')
    .map(({ verifier: { name }, signature }) => ({
      name,
      timestampSeconds: cosignatureTime(signature),
    }));
  return { checkpoint, cosignatures };
}
