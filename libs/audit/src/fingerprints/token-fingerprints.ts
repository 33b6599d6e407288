/** The fingerprint of a token, by which entries identify it. */
export interface TokenFingerprint {
  /** base64url of HMAC-SHA-256 over the token: 43 characters. */
  readonly fingerprint: string;
  /** Id of the key: the version of its secret. */
  readonly fingerprintKey: string;
}

/** Computes fingerprints of tokens, because the log must not contain tokens. */
export abstract class TokenFingerprints {
  /**
   * The fingerprint with the current key.
   *
   * @throws SecretUnavailable when the key can't be read
   */
  abstract of(token: string): Promise<TokenFingerprint>;

  /**
   * The fingerprint with an earlier key, to find entries from before a rotation.
   *
   * @throws SecretNotFound when the key no longer exists
   */
  abstract withKey(token: string, fingerprintKey: string): Promise<TokenFingerprint>;
}
