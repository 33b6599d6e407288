import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { StateFolder } from '../state-folder.js';
import { Limits } from './limits.js';

/** The two access keys of a resource. */
export type AcsKeyName = 'primary' | 'secondary';

const storedKeys = z.record(
  z.string(),
  z.strictObject({ primary: z.string(), secondary: z.string() }),
);
const FILE = 'acs-keys.json';

/** One Communication Services resource: its immutable id, its access keys and its rate limits. */
export class AcsResource {
  readonly limits = new Limits();
  #keys: Record<AcsKeyName, string>;

  constructor(
    readonly name: string,
    readonly id: string,
    private readonly folder: StateFolder | undefined,
  ) {
    const stored = this.folder?.readJson(FILE, storedKeys)?.[name];
    this.#keys = stored ?? { primary: randomKey(), secondary: randomKey() };
    if (stored === undefined) this.#store();
  }

  accessKey(name: AcsKeyName = 'primary'): string {
    return this.#keys[name];
  }

  /** Invalidates all tokens issued with the old key. */
  regenerateKey(name: AcsKeyName): void {
    this.#keys = { ...this.#keys, [name]: randomKey() };
    this.#store();
  }

  /** A digest that identifies a key as the credential of a token. */
  credentialOf(name: AcsKeyName): string {
    return createHash('sha256').update(this.#keys[name]).digest('hex').slice(0, 16);
  }

  isCurrent(credential: string): boolean {
    return (
      credential.startsWith('entra:') ||
      credential === this.credentialOf('primary') ||
      credential === this.credentialOf('secondary')
    );
  }

  /** @returns the key that verifies the signature, or `undefined`. */
  keyThatSigned(stringToSign: string, signature: string): AcsKeyName | undefined {
    const given = Buffer.from(signature, 'base64');
    return (['primary', 'secondary'] as const).find((name) => {
      const expected = createHmac('sha256', Buffer.from(this.#keys[name], 'base64'))
        .update(stringToSign)
        .digest();
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  #store(): void {
    if (this.folder === undefined) return;
    const all = this.folder.readJson(FILE, storedKeys) ?? {};
    this.folder.write(FILE, JSON.stringify({ ...all, [this.name]: this.#keys }));
  }
}

function randomKey(): string {
  return randomBytes(64).toString('base64');
}
