import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** The private RSA keys that a new emulator signs tokens with. */
export interface EmulatorKeys {
  readonly entra: KeyObject;
  readonly acs: KeyObject;
}

/** Creates keys that several emulators may share: creating them takes most of the CPU time of a start. */
export async function createEmulatorKeys(): Promise<EmulatorKeys> {
  const [entra, acs] = await Promise.all([createRsaKey(), createRsaKey()]);
  return { entra, acs };
}

export async function createRsaKey(modulusLength: 1024 | 2048 = 2048): Promise<KeyObject> {
  return (await promisify(generateKeyPair)('rsa', { modulusLength })).privateKey;
}
