import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { InvalidKey } from './errors.js';
import { requireInteger } from './numbers.js';
import { cosignedMessage, NoteVerifier, type NoteSignature } from './note-verifier.js';

const SEED_BYTES = 32;
/** DER prefix of an Ed25519 private key; the seed follows (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Signs notes for a log. During a key rotation the log signs with the old and the new key. */
export class NoteSigner {
  readonly verifier: NoteVerifier;
  readonly #key: KeyObject;

  /**
   * @param seed 32 random bytes: the private key of RFC 8032 section 5.1.5.
   * @throws InvalidKey for a seed of another length, or a name that is not valid in a signature line.
   */
  constructor(name: string, seed: Uint8Array) {
    this.#key = privateKeyOf(seed);
    this.verifier = new NoteVerifier('ed25519', name, publicKeyOf(this.#key));
  }

  /** Signs the text of a note, which ends in a newline. Ed25519 is deterministic. */
  sign(text: string): NoteSignature {
    const signature = sign(null, Buffer.from(text), this.#key);
    return { name: this.verifier.name, keyId: this.verifier.keyId, signature };
  }
}

/** Signs checkpoints for a witness, with a timestamp (C2SP tlog-cosignature). */
export class Cosigner {
  readonly verifier: NoteVerifier;
  readonly #key: KeyObject;

  /** As for `NoteSigner`. Never share a key between witnesses: the signed message has no name. */
  constructor(name: string, seed: Uint8Array) {
    this.#key = privateKeyOf(seed);
    this.verifier = new NoteVerifier('cosignature', name, publicKeyOf(this.#key));
  }

  /**
   * Cosigns the text of a checkpoint. Verify its consistency with the last cosigned checkpoint first:
   * a cosignature states that the witness has seen no larger tree of this log.
   *
   * @param timestampSeconds POSIX time.
   */
  cosign(checkpointText: string, timestampSeconds: number): NoteSignature {
    requireInteger(timestampSeconds, 0, 'a timestamp');
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(timestampSeconds));
    const message = cosignedMessage(BigInt(timestampSeconds), checkpointText);
    const signature = Buffer.concat([time, sign(null, message, this.#key)]);
    return { name: this.verifier.name, keyId: this.verifier.keyId, signature };
  }
}

/** @returns the POSIX seconds of a verified cosignature; values above 2^53 are rounded. */
export function cosignatureTime({ signature }: NoteSignature): number {
  return Number(signature.readBigUInt64BE());
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  if (seed.length !== SEED_BYTES) {
    throw new InvalidKey(`a seed has ${SEED_BYTES} bytes`);
  }
  const key = Buffer.concat([PKCS8_PREFIX, seed]);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

function publicKeyOf(privateKey: KeyObject): Buffer {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url');
}
