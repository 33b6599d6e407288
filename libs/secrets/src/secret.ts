import { inspect } from 'node:util';

/** One version of a secret. The value shows in no JSON, inspection or string; only `value` gives it. */
export class Secret {
  readonly name: string;
  /** Names this value for good; a new value gets a new version. */
  readonly version: string;
  /** The instant from which the secret must not be used any more, where its owner set one. */
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
