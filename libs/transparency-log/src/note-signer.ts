import { ed25519Signer, type Ed25519Signer } from '#transparency-log/crypto';
import { concatBytes, utf8, viewOf } from './bytes.js';
import { InvalidKey } from './errors.js';
import { requireInteger } from './numbers.js';
import { cosignedMessage, NoteVerifier, type NoteSignature } from './note-verifier.js';

const SEED_BYTES = 32;

/** Signs notes for a log. During a key rotation the log signs with the old and the new key. */
export class NoteSigner {
  readonly verifier: NoteVerifier;
  readonly #key: Ed25519Signer;

  /**
   * @param seed 32 random bytes: the private key of RFC 8032 section 5.1.5.
   * @throws InvalidKey for a seed of another length, or a name that is not valid in a signature line.
   */
  constructor(name: string, seed: Uint8Array) {
    this.#key = signerOf(seed);
    this.verifier = new NoteVerifier('ed25519', name, this.#key.publicKey);
  }

  /** Signs the text of a note, which ends in a newline. Ed25519 is deterministic. */
  sign(text: string): NoteSignature {
    const signature = this.#key.sign(utf8(text));
    return { name: this.verifier.name, keyId: this.verifier.keyId, signature };
  }
}

/** Signs checkpoints for a witness, with a timestamp (C2SP tlog-cosignature). */
export class Cosigner {
  readonly verifier: NoteVerifier;
  readonly #key: Ed25519Signer;

  /** As for `NoteSigner`. Never share a key between witnesses: the signed message has no name. */
  constructor(name: string, seed: Uint8Array) {
    this.#key = signerOf(seed);
    this.verifier = new NoteVerifier('cosignature', name, this.#key.publicKey);
  }

  /**
   * Cosigns the text of a checkpoint. Verify its consistency with the last cosigned checkpoint first:
   * a cosignature states that the witness has seen no larger tree of this log.
   *
   * @param timestampSeconds POSIX time.
   */
  cosign(checkpointText: string, timestampSeconds: number): NoteSignature {
    requireInteger(timestampSeconds, 0, 'a timestamp');
    const time = new Uint8Array(8);
    viewOf(time).setBigUint64(0, BigInt(timestampSeconds));
    const message = cosignedMessage(BigInt(timestampSeconds), checkpointText);
    const signature = concatBytes([time, this.#key.sign(message)]);
    return { name: this.verifier.name, keyId: this.verifier.keyId, signature };
  }
}

/** @returns the POSIX seconds of a verified cosignature; values above 2^53 are rounded. */
export function cosignatureTime({ signature }: NoteSignature): number {
  return Number(viewOf(signature).getBigUint64(0));
}

function signerOf(seed: Uint8Array): Ed25519Signer {
  if (seed.length !== SEED_BYTES) {
    throw new InvalidKey(`a seed has ${SEED_BYTES} bytes`);
  }
  return ed25519Signer(seed);
}
