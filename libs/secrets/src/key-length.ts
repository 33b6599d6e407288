import { SecretUnusable } from './errors.js';
import type { Secret } from './secret.js';

/** 32 random bytes have 44 in base64. */
const MIN_KEY_CHARACTERS = 32;

/** Whether a secret is long enough as a key that strangers can try guesses against. */
export function isLongEnoughKey({ value }: Secret): boolean {
  return value.trim().length >= MIN_KEY_CHARACTERS;
}

/** @throws SecretUnusable when the key is too short */
export function assertKeyLength(secret: Secret): void {
  if (!isLongEnoughKey(secret)) throw new SecretUnusable(secret.name, 'too short');
}
