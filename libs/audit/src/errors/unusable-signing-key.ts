/** A secret that should hold a signing key does not hold an Ed25519 private key. For operators. */
export class UnusableSigningKey extends Error {
  constructor(secretName: string, options?: ErrorOptions) {
    super(
      `the secret ${secretName} is no Ed25519 private key; make one with openssl genpkey -algorithm ed25519`,
      options,
    );
    this.name = 'UnusableSigningKey';
  }
}
