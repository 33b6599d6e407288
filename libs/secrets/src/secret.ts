import { inspect } from 'node:util';

/** One version of a secret. Its value is not part of its JSON, inspection or string. */
export class Secret {
  readonly name: string;
  /** Identifies this value; a new value has a new version. */
  readonly version: string;
  /** The secret must not be used from this time on; absent when its owner set none. */
  readonly expiresAt: Date | undefined;
  readonly #value: string;

  constructor(parts: { name: string; version: string; value: string; expiresAt?: Date }) {
    this.name = parts.name;
    this.version = parts.version;
    this.expiresAt = parts.expiresAt;
    this.#value = parts.value;
  }

  get value(): string {
    return this.#value;
  }

  toJSON(): object {
    return { name: this.name, version: this.version };
  }

  toString(): string {
    return `${this.name}/${this.version}`;
  }

  [inspect.custom](): string {
    return `Secret ${this.toString()}`;
  }
}
