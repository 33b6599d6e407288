/** Whatever could be one of the service's secrets, by its shape. */
const SHAPES: readonly (readonly [string, RegExp])[] = [
  ['a JSON Web Token', /eyJ[\w-]{10,}\.[\w-]{10,}/],
  ['an access key', /accesskey=[^[\s;"]/i],
  ['an authorization header', /(Bearer|HMAC-SHA256) [^[\s"]{8,}/],
  ['a private key', /BEGIN [A-Z ]*PRIVATE KEY/],
  ['a database password', /postgres(ql)?:\/\/[^:@\s"]+:[^@[\s"]+@/],
];

/** Looks for secrets where none may be: in logs, audit entries, answers and dumps. */
export class SecretScanner {
  readonly #values = new Set<string>();

  /** Adds values that must not be found, such as a key or an issued token. */
  forbid(...values: readonly string[]): void {
    for (const value of values) if (value !== '') this.#values.add(value);
  }

  /** @throws naming the place and what was found, never the secret itself */
  assertClean(place: string, texts: readonly string[]): void {
    for (const [index, text] of texts.entries()) {
      const shape = SHAPES.find(([, pattern]) => pattern.test(text));
      if (shape) throw new Error(`${shape[0]} stands in ${place}, line ${index + 1}`);
      for (const value of this.#values) {
        if (text.includes(value)) throw new Error(`a secret stands in ${place}, line ${index + 1}`);
      }
    }
  }
}
