import { decodeBase64 } from './canonical-text.js';
import { InvalidSignature, MalformedNote, UnverifiedNote } from './errors.js';
import { NoteSigner } from './note-signer.js';
import { isKeyName, type NoteSignature, type NoteVerifier } from './note-verifier.js';

/** Larger notes are refused unread; 100 of the largest signatures known fit in. */
export const maxNoteBytes = 1_048_576;

/** Notes with more signature lines are refused; C2SP asks for at least 16. */
export const maxNoteSignatures = 100;

/** A note as it was written. Its text says nothing until `openNote` has verified it. */
export interface ParsedNote {
  /** Ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A note that at least one known key signed. */
export interface OpenedNote {
  readonly text: string;
  /** Which known keys signed, in the order of the note. */
  readonly verified: readonly { verifier: NoteVerifier; signature: NoteSignature }[];
}

const keyIdBytes = 4;
const signatureLine = /^\u2014 (?<name>\S+) (?<encoded>\S+)$/u;

/**
 * Reads a note without verifying it (C2SP signed-note).
 *
 * @param note bytes must be UTF-8; a string must hold no lone surrogates.
 * @throws MalformedNote for any other form, or beyond `maxNoteBytes` or `maxNoteSignatures`.
 */
export function parseNote(note: string | Uint8Array): ParsedNote {
  const whole = typeof note === 'string' ? requireText(note) : decodeText(note);
  const blankLine = whole.lastIndexOf('\n\n');
  if (blankLine < 0 || !whole.endsWith('\n')) {
    throw new MalformedNote('a note is text, a blank line and signature lines');
  }
  const lines = whole.slice(blankLine + 2, -1).split('\n');
  if (lines.length > maxNoteSignatures) {
    throw new MalformedNote(`a note has at most ${maxNoteSignatures} signatures`);
  }
  return { text: whole.slice(0, blankLine + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * Writes a note.
 *
 * @throws MalformedNote unless `parseNote` can read it back.
 */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(({ name, keyId, signature }) => {
    const encoded = Buffer.concat([Buffer.from(keyId, 'hex'), signature]).toString('base64');
    return `\u2014 ${name} ${encoded}\n`;
  });
  const note = `${text}\n${lines.join('')}`;
  if (parseNote(note).text !== text) {
    throw new MalformedNote('the text of a note ends in one newline');
  }
  return note;
}

/** Signs a text, which must end in a newline, with each key. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  return formatNote(
    text,
    signers.map((signer) => signer.sign(text)),
  );
}

/**
 * Verifies a note. Signatures by other keys than the given ones are ignored.
 *
 * @throws MalformedNote as `parseNote` does.
 * @throws InvalidSignature when a signature names a known key and is not by it.
 * @throws UnverifiedNote when no known key signed.
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
      throw new InvalidSignature('a signature is not by the key that it names');
    }
    return verifier === undefined ? [] : [{ verifier, signature }];
  });
  if (verified.length === 0) {
    throw new UnverifiedNote('no known key signed the note');
  }
  return { text, verified };
}

function decodeText(bytes: Uint8Array): string {
  if (bytes.length > maxNoteBytes) {
    throw new MalformedNote(`a note has at most ${maxNoteBytes} bytes`);
  }
  try {
    return requireText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw cause instanceof MalformedNote ? cause : new MalformedNote('not UTF-8', { cause });
  }
}

function requireText(note: string): string {
  if (Buffer.byteLength(note) > maxNoteBytes) {
    throw new MalformedNote(`a note has at most ${maxNoteBytes} bytes`);
  }
  if (!note.isWellFormed() || hasControlCharacter(note)) {
    throw new MalformedNote(
      'a note has no lone surrogates, and no control characters but newlines',
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
  const { name, encoded } = signatureLine.exec(line)?.groups ?? {};
  const bytes = decodeBase64(encoded ?? '');
  if (name === undefined || !isKeyName(name) || bytes === undefined || bytes.length <= keyIdBytes) {
    throw new MalformedNote('a signature line is an em dash, a key name and a base64 signature');
  }
  const keyId = bytes.toString('hex', 0, keyIdBytes);
  return { name, keyId, signature: bytes.subarray(keyIdBytes) };
}
