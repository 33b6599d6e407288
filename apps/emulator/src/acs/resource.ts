import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { StateFolder } from '../state-folder.js';
import { Limits } from './limits.js';

export type AcsKeyName = 'primary' | 'secondary';

const storedKeys = z.record(
  z.string(),
  z.strictObject({ primary: z.string(), secondary: z.string() }),
);
const fileName = 'acs-keys.json';

/** One Communication Services resource: its immutable id, its two access keys, its limits. */
export class AcsResource {
  readonly limits = new Limits();
  private keys: Record<AcsKeyName, string>;

  constructor(
    readonly name: string,
    readonly id: string,
    private readonly folder: StateFolder | undefined,
  ) {
    const stored = this.folder?.readJson(fileName, storedKeys)?.[name];
    this.keys = stored ?? { primary: randomKey(), secondary: randomKey() };
    if (stored === undefined) this.store();
  }

  accessKey(name: AcsKeyName = 'primary'): string {
    return this.keys[name];
  }

  /** Every token that was made with the old key dies. */
  regenerateKey(name: AcsKeyName): void {
    this.keys = { ...this.keys, [name]: randomKey() };
    this.store();
  }

  /** A digest that stands for a key: what a token was made with. */
  credentialOf(name: AcsKeyName): string {
    return createHash('sha256').update(this.keys[name]).digest('hex').slice(0, 16);
  }

  isCurrent(credential: string): boolean {
    return (
      credential.startsWith('entra:') ||
      credential === this.credentialOf('primary') ||
      credential === this.credentialOf('secondary')
    );
  }

  /** @returns the key under which the signature is right, if there is one. */
  keyThatSigned(stringToSign: string, signature: string): AcsKeyName | undefined {
    const given = Buffer.from(signature, 'base64');
    return (['primary', 'secondary'] as const).find((name) => {
      const expected = createHmac('sha256', Buffer.from(this.keys[name], 'base64'))
        .update(stringToSign)
        .digest();
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  private store(): void {
    if (this.folder === undefined) return;
    const all = this.folder.readJson(fileName, storedKeys) ?? {};
    this.folder.write(fileName, JSON.stringify({ ...all, [this.name]: this.keys }));
  }
}

function randomKey(): string {
  return randomBytes(64).toString('base64');
}
