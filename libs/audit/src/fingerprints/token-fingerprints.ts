/** What stands for a token in the log. */
export interface TokenFingerprint {
  /** base64url of HMAC-SHA-256 over the token: 43 characters. */
  readonly fingerprint: string;
  /** Id of the key, which is the version of its secret. */
  readonly fingerprintKey: string;
}

/** Turns tokens into what the log may hold of them. */
export abstract class TokenFingerprints {
  /**
   * The fingerprint with the key in use now.
   *
   * @throws SecretUnavailable when the key can't be read
   */
  abstract of(token: string): Promise<TokenFingerprint>;

  /**
   * The fingerprint with a certain key, to find entries made before a rotation.
   *
   * @throws SecretNotFound when there is no such key any more
   */
  abstract withKey(token: string, fingerprintKey: string): Promise<TokenFingerprint>;
}
