/** Patterns of the secrets that the service handles. */
const SHAPES: readonly (readonly [string, RegExp])[] = [
  ['a JSON Web Token', /eyJ[\w-]{10,}\.[\w-]{10,}/],
  ['an access key', /accesskey=[^[\s;"]/i],
  ['an authorization header', /(Bearer|HMAC-SHA256) [^[\s"]{8,}/],
  ['a private key', /BEGIN [A-Z ]*PRIVATE KEY/],
  ['a database password', /postgres(ql)?:\/\/[^:@\s"]+:[^@[\s"]+@/],
];

/** Searches logs, audit entries, responses and database dumps for secrets. */
export class SecretScanner {
  readonly #values = new Set<string>();

  /** Adds values that must not occur, such as a key or an issued token. */
  forbid(...values: readonly string[]): void {
    for (const value of values) if (value !== '') this.#values.add(value);
  }

  /** @throws an error that names the place and the kind of secret, never the secret */
  assertClean(place: string, texts: readonly string[]): void {
    for (const [index, text] of texts.entries()) {
      const shape = SHAPES.find(([, pattern]) => pattern.test(text));
      if (shape) throw new Error(`${shape[0]} found in ${place}, line ${index + 1}`);
      for (const value of this.#values) {
        if (text.includes(value))
          throw new Error(`a forbidden value found in ${place}, line ${index + 1}`);
      }
    }
  }
}
