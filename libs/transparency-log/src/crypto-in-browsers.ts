// What crypto.ts exports, in JavaScript: WebCrypto has no synchronous functions, and exists in secure
// contexts only.
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Ed25519Signer, Ed25519Verifier } from './ed25519.js';

export { sha256 };
export type { Ed25519Signer, Ed25519Verifier };

const SIGNATURE_BYTES = 64;

export function writeSha256(input: Uint8Array, target: Uint8Array, offset: number): void {
  target.set(sha256(input), offset);
}

export function ed25519Verifier(publicKey: Uint8Array): Ed25519Verifier {
  // A copy, as in Node: the caller may change its own.
  const key = new Uint8Array(publicKey);
  return (message, signature) =>
    signature.length === SIGNATURE_BYTES &&
    // RFC 8032, as Node verifies, and not the laxer rules of ZIP 215.
    ed25519.verify(signature, message, key, { zip215: false });
}

export function ed25519Signer(seed: Uint8Array): Ed25519Signer {
  const key = new Uint8Array(seed);
  return { publicKey: ed25519.getPublicKey(key), sign: (message) => ed25519.sign(message, key) };
}
