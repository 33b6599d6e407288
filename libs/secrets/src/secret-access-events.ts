/** One read from the secret store itself, not from a cache, and its result. */
export interface SecretAccess {
  readonly name: string;
  /** The version that was read or requested; absent when the newest version could not be read. */
  readonly version?: string;
  /** The previous newest version that this process read, when `version` is another one. */
  readonly replaces?: string;
  /** Code of the refusal; absent when the secret was read. */
  readonly refusal?: string;
}

/** Publishes every read from the secret store, so that the audit log can record it. */
export class SecretAccessEvents {
  readonly #listeners: ((access: SecretAccess) => void)[] = [];

  /** @param listener is called during the read: it must return at once and must not throw */
  subscribe(listener: (access: SecretAccess) => void): void {
    this.#listeners.push(listener);
  }

  /** Called by adapters of `SecretStore`. */
  emit(access: SecretAccess): void {
    for (const listener of this.#listeners) listener(access);
  }
}
