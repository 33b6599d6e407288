/** One question to the secret store itself, answers from memory not counted, and how it ended. */
export interface SecretRead {
  readonly name: string;
  /** What was read, or asked for; absent when the newest could not be read. */
  readonly version?: string;
  /** The newest version that this process knew before, where it was another one. */
  readonly replaces?: string;
  /** Code of the refusal; absent when the secret was read. */
  readonly refusal?: string;
}

/**
 * Tells of each reading of a secret, so that it can be recorded. Nobody listens unless a part of the
 * process asks to; a store works the same with and without.
 */
export class SecretReads {
  #observer: (read: SecretRead) => void = () => undefined;

  /** @param observer must neither throw nor keep the reading waiting */
  observe(observer: (read: SecretRead) => void): void {
    this.#observer = observer;
  }

  tell(read: SecretRead): void {
    this.#observer(read);
  }
}
