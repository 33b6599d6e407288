import { ed25519Verifier, type Ed25519Verifier, sha256 } from '#transparency-log/crypto';
import { concatBytes, utf8, viewOf } from './bytes.js';
import { decodeBase64, encodeBase64, hex } from './canonical-text.js';
import { InvalidKey } from './errors.js';

/** Ed25519, as logs sign, or a timestamped Ed25519 cosignature, as witnesses sign. */
export type SignatureKind = 'ed25519' | 'cosignature';

/** One signature line of a note. Untrusted until a verifier has checked it. */
export interface NoteSignature {
  readonly name: string;
  /** Eight lower-case hexadecimal digits: a hash of name and key. */
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** Of the first bytes of a hash of name and key. */
export const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
const TIMESTAMP_BYTES = 8;
const SIGNATURE_TYPES: Readonly<Record<SignatureKind, number>> = {
  ed25519: 0x01,
  cosignature: 0x04,
};

/** The public key of a log or a witness (C2SP signed-note, tlog-cosignature). */
export class NoteVerifier {
  /** Eight lower-case hexadecimal digits; signature lines carry the same value. */
  readonly keyId: string;
  readonly #publicKey: Uint8Array;
  readonly #verify: Ed25519Verifier;

  /** @throws InvalidKey for a name with spaces, `+` or control characters, or a key not of 32 bytes. */
  constructor(
    readonly kind: SignatureKind,
    readonly name: string,
    publicKey: Uint8Array,
  ) {
    requireKeyName(name);
    if (publicKey.length !== PUBLIC_KEY_BYTES) {
      throw new InvalidKey(`an Ed25519 public key has ${PUBLIC_KEY_BYTES} bytes`);
    }
    this.#publicKey = new Uint8Array(publicKey);
    this.#verify = ed25519Verifier(this.#publicKey);
    const identity = concatBytes([utf8(`${name}\n`), this.#typedKey()]);
    this.keyId = hex(sha256(identity).subarray(0, KEY_ID_BYTES));
  }

  /**
   * Parses a verifier key: `<name>+<key id>+<base64 of type and public key>`.
   *
   * @throws InvalidKey for any other form, a type other than 0x01 and 0x04, or a key id that does not
   *   match name and key.
   */
  static parse(text: string): NoteVerifier {
    const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(text) ?? [];
    const typedKey = decodeBase64(encoded ?? '');
    if (name === undefined || typedKey === undefined) {
      throw new InvalidKey('a verifier key is <name>+<key id>+<base64>');
    }
    const kind = kindOf(typedKey[0]);
    const verifier = new NoteVerifier(kind, name, typedKey.subarray(1));
    if (verifier.keyId !== keyId) {
      throw new InvalidKey('the key id does not match name and key');
    }
    return verifier;
  }

  /** The verifier key, to publish or to pin: the input of `parse`. */
  toString(): string {
    return `${this.name}+${this.keyId}+${encodeBase64(this.#typedKey())}`;
  }

  /** Whether the signature names this key. Does not verify it. */
  claims({ name, keyId }: NoteSignature): boolean {
    return name === this.name && keyId === this.keyId;
  }

  /** Whether this key signed the text of the note. */
  verify(text: string, signature: NoteSignature): boolean {
    if (!this.claims(signature)) {
      return false;
    }
    if (this.kind === 'ed25519') {
      return this.#verify(utf8(text), signature.signature);
    }
    const { signature: bytes } = signature;
    const time = bytes.length > TIMESTAMP_BYTES ? viewOf(bytes).getBigInt64(0) : -1n;
    if (time < 0n) {
      return false;
    }
    return this.#verify(cosignedMessage(time, text), bytes.subarray(TIMESTAMP_BYTES));
  }

  #typedKey(): Uint8Array {
    return concatBytes([Uint8Array.of(SIGNATURE_TYPES[this.kind]), this.#publicKey]);
  }
}

/** What a witness signs: the time in POSIX seconds, then the checkpoint (C2SP tlog-cosignature). */
export function cosignedMessage(timestampSeconds: bigint, checkpointText: string): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timestampSeconds.toString()}\n${checkpointText}`);
}

/** @throws InvalidKey unless the name is valid in a signature line. */
function requireKeyName(name: string): void {
  if (!isKeyName(name)) {
    throw new InvalidKey('a key name is not empty and has no spaces, "+" or control characters');
  }
}

export function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^+\p{White_Space}\p{Cc}]+$/u.test(name);
}

function kindOf(type: number | undefined): SignatureKind {
  if (type === SIGNATURE_TYPES.ed25519) {
    return 'ed25519';
  }
  if (type === SIGNATURE_TYPES.cosignature) {
    return 'cosignature';
  }
  throw new InvalidKey('the key is neither an Ed25519 log key nor an Ed25519 witness key');
}
