import { concatBytes, utf8 } from './bytes.js';
import { bytesOfHex, decodeBase64, encodeBase64, hex } from './canonical-text.js';
import { InvalidSignature, MalformedNote, UnverifiedNote } from './errors.js';
import { NoteSigner } from './note-signer.js';
import { isKeyName, KEY_ID_BYTES, type NoteSignature, type NoteVerifier } from './note-verifier.js';

/** Larger notes are rejected before they are parsed. 100 signatures of any known type fit. */
export const MAX_NOTE_BYTES = 1_048_576;

/** Notes with more signature lines are rejected; C2SP requires support for at least 16. */
export const MAX_NOTE_SIGNATURES = 100;

/** A parsed note. Do not trust its text before `openNote` has verified it. */
export interface ParsedNote {
  /** Ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A verified note: at least one trusted key signed it. */
export interface OpenedNote {
  readonly text: string;
  /** The trusted keys that signed, in the order of the note. */
  readonly verified: readonly { verifier: NoteVerifier; signature: NoteSignature }[];
}

const SIGNATURE_LINE = /^\u2014 (?<name>\S+) (?<encoded>\S+)$/u;

/**
 * Parses a note without verifying it (C2SP signed-note).
 *
 * @param note UTF-8 bytes, or a string without lone surrogates.
 * @throws MalformedNote for any other form, or beyond `MAX_NOTE_BYTES` or `MAX_NOTE_SIGNATURES`.
 */
export function parseNote(note: string | Uint8Array): ParsedNote {
  const all = typeof note === 'string' ? requireText(note) : decodeText(note);
  const blankLine = all.lastIndexOf('\n\n');
  if (blankLine < 0 || !all.endsWith('\n')) {
    throw new MalformedNote('a note is text, a blank line and signature lines');
  }
  const lines = all.slice(blankLine + 2, -1).split('\n');
  if (lines.length > MAX_NOTE_SIGNATURES) {
    throw new MalformedNote(`a note has at most ${MAX_NOTE_SIGNATURES} signatures`);
  }
  return { text: all.slice(0, blankLine + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * Formats a note.
 *
 * @throws MalformedNote unless `parseNote` accepts the result.
 */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(formatSignatureLine);
  const note = `${text}\n${lines.join('')}`;
  if (parseNote(note).text !== text) {
    throw new MalformedNote('the text of a note must end in exactly one newline');
  }
  return note;
}

/** One signature line, with its newline, as witnesses answer. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const encoded = encodeBase64(concatBytes([bytesOfHex(keyId), signature]));
  return `\u2014 ${name} ${encoded}\n`;
}

/** Signs a text with each key. The text ends in a newline. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  return formatNote(
    text,
    signers.map((signer) => signer.sign(text)),
  );
}

/**
 * Verifies a note. Signatures of other keys are ignored.
 *
 * @throws MalformedNote as `parseNote` does.
 * @throws InvalidSignature when a signature claims one of the keys and does not verify.
 * @throws UnverifiedNote when none of the keys signed.
 */
export function openNote(
  note: string | Uint8Array,
  verifiers: readonly NoteVerifier[],
): OpenedNote {
  const { text, signatures } = parseNote(note);
  const verified = signatures.flatMap((signature) => {
    const claimed = verifiers.filter((verifier) => verifier.claims(signature));
    const verifier = claimed.find((candidate) => candidate.verify(text, signature));
    if (verifier === undefined && claimed.length > 0) {
      throw new InvalidSignature('a signature does not verify under the key it names');
    }
    return verifier === undefined ? [] : [{ verifier, signature }];
  });
  if (verified.length === 0) {
    throw new UnverifiedNote('no trusted key signed the note');
  }
  return { text, verified };
}

function decodeText(bytes: Uint8Array): string {
  try {
    return requireText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw cause instanceof MalformedNote
      ? cause
      : new MalformedNote('a note must be UTF-8', { cause });
  }
}

function requireText(note: string): string {
  // A code unit takes one byte at least.
  if (note.length > MAX_NOTE_BYTES || utf8(note).length > MAX_NOTE_BYTES) {
    throw new MalformedNote(`a note has at most ${MAX_NOTE_BYTES} bytes`);
  }
  if (!note.isWellFormed() || hasControlCharacter(note)) {
    throw new MalformedNote(
      'a note must not contain lone surrogates, or control characters other than newline',
    );
  }
  return note;
}

function hasControlCharacter(note: string): boolean {
  for (let at = 0; at < note.length; at += 1) {
    const code = note.charCodeAt(at);
    if (code < 0x20 && code !== 0x0a) {
      return true;
    }
  }
  return false;
}

function parseSignatureLine(line: string): NoteSignature {
  const { name, encoded } = SIGNATURE_LINE.exec(line)?.groups ?? {};
  const bytes = decodeBase64(encoded ?? '');
  if (
    name === undefined ||
    !isKeyName(name) ||
    bytes === undefined ||
    bytes.length <= KEY_ID_BYTES
  ) {
    throw new MalformedNote('a signature line is an em dash, a key name and a base64 signature');
  }
  const keyId = hex(bytes.subarray(0, KEY_ID_BYTES));
  return { name, keyId, signature: bytes.subarray(KEY_ID_BYTES) };
}
