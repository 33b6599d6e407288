/** Signs with one Ed25519 key. Deterministic. */
export interface Ed25519Signer {
  readonly publicKey: Uint8Array;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** Whether one Ed25519 key signed the message. `false` for signatures of any other length too. */
export type Ed25519Verifier = (message: Uint8Array, signature: Uint8Array) => boolean;
