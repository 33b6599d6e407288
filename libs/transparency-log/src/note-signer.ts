import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { InvalidKey } from './errors.js';
import { requireInteger } from './numbers.js';
import { cosignedMessage, NoteVerifier, type NoteSignature } from './note-verifier.js';

const seedBytes = 32;
/** The DER that stands before the seed of an Ed25519 key (RFC 8410 section 7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Signs notes for a log. A log that rotates its key signs with the old and the new one for a while. */
export class NoteSigner {
  readonly verifier: NoteVerifier;
  readonly #key: KeyObject;

  /**
   * @param seed 32 random bytes: the private key of RFC 8032 section 5.1.5.
   * @throws InvalidKey for another length, or a name that can't stand in a signature line.
   */
  constructor(name: string, seed: Uint8Array) {
    this.#key = privateKeyOf(seed);
    this.verifier = new NoteVerifier('ed25519', name, publicKeyOf(this.#key));
  }

  /** Signs the note's text, which must end in a newline. The same text gives the same signature. */
  sign(text: string): NoteSignature {
    const signature = sign(null, Buffer.from(text), this.#key);
    return { name: this.verifier.name, keyId: this.verifier.keyId, signature };
  }
}

/** Signs checkpoints for a witness, with the time at which it saw them. */
export class Cosigner {
  readonly verifier: NoteVerifier;
  readonly #key: KeyObject;

  /** As for `NoteSigner`. A key must not serve two witnesses: its name is not in what it signs. */
  constructor(name: string, seed: Uint8Array) {
    this.#key = privateKeyOf(seed);
    this.verifier = new NoteVerifier('cosignature', name, publicKeyOf(this.#key));
  }

  /**
   * States that the checkpoint is the largest one that this witness has seen of its log. Verify its
   * consistency with the last one first.
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

/** @returns the POSIX seconds of a cosignature that was verified; above 2^53 they are rounded. */
export function cosignatureTime({ signature }: NoteSignature): number {
  return Number(signature.readBigUInt64BE());
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  if (seed.length !== seedBytes) {
    throw new InvalidKey(`a seed has ${seedBytes} bytes`);
  }
  const key = Buffer.concat([pkcs8Prefix, seed]);
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
