import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from '../errors.js';
import type { SecretStore } from '../secret-store.js';

/** A store without a cooldown between rereads, and ways to change its content. */
export interface SecretStoreHarness {
  readonly store: SecretStore;
  /** @returns the version that was added */
  put(
    name: string,
    value: string,
    options?: { expiresAt?: Date; isEnabled?: boolean },
  ): Promise<string>;
  breakDown(): Promise<void>;
  refuseAccess(): Promise<void>;
  recover(): Promise<void>;
}

/** The contract of `SecretStore`, as a suite to run on every adapter. */
export function describeSecretStore(name: string, start: () => Promise<SecretStoreHarness>): void {
  describe(`${name} as a secret store`, () => {
    let harness: SecretStoreHarness;
    beforeAll(async () => {
      harness = await start();
    });
    const newName = (): string => `secret-${randomUUID()}`;

    it('gives the newest version with its name', async () => {
      const secret = newName();
      await harness.put(secret, 'old');
      const version = await harness.put(secret, 'new');
      const read = await harness.store.read(secret);
      expect(read).toMatchObject({ name: secret, version, value: 'new' });
    });

    it('gives a version that is no longer the newest', async () => {
      const secret = newName();
      const version = await harness.put(secret, 'old');
      await harness.put(secret, 'new');
      const read = await harness.store.readVersion(secret, version);
      expect(read).toMatchObject({ version, value: 'old' });
    });

    it('finds a new version when it reads again', async () => {
      const secret = newName();
      await harness.put(secret, 'old');
      await harness.store.read(secret);
      const version = await harness.put(secret, 'new');
      expect(await harness.store.reread(secret)).toMatchObject({ version, value: 'new' });
      expect(await harness.store.read(secret)).toMatchObject({ version, value: 'new' });
    });

    it('says that a new version is in use as soon as it is read, where nobody tries it first', async () => {
      const secret = newName();
      await harness.put(secret, 'old');
      await harness.store.current(secret);
      const version = await harness.put(secret, 'new');
      await harness.store.reread(secret);
      expect(harness.store.inUse()).toContainEqual({ name: secret, version });
      harness.store.accept(await harness.store.current(secret));
      await harness.put(secret, 'untried');
      await harness.store.reread(secret);
      expect(harness.store.inUse()).toContainEqual({ name: secret, version });
    });

    it('gives an expired version by its name, but not as the newest', async () => {
      const secret = newName();
      const version = await harness.put(secret, 'old', { expiresAt: new Date(1_600_000_000_000) });
      await expect(harness.store.read(secret)).rejects.toBeInstanceOf(SecretUnusable);
      expect(await harness.store.readVersion(secret, version)).toMatchObject({ value: 'old' });
    });

    it('refuses a disabled newest version and does not fall back to an older one', async () => {
      const secret = newName();
      await harness.put(secret, 'old');
      await harness.put(secret, 'new', { isEnabled: false });
      await expect(harness.store.read(secret)).rejects.toMatchObject({
        code: 'secret-unusable',
        why: 'disabled',
        status: 503,
      });
    });

    it('distinguishes a missing secret from an outage', async () => {
      await expect(harness.store.read(newName())).rejects.toBeInstanceOf(SecretNotFound);
      const secret = newName();
      await harness.put(secret, 'value');
      const missing = harness.store.readVersion(secret, 'f'.repeat(32));
      await expect(missing).rejects.toBeInstanceOf(SecretNotFound);
    });

    it('gives retryAfterSeconds while the store is down', async () => {
      const secret = newName();
      await harness.put(secret, 'value');
      await harness.breakDown();
      try {
        const failure = harness.store.read(secret);
        await expect(failure).rejects.toBeInstanceOf(SecretUnavailable);
        await expect(failure).rejects.toHaveProperty('retryAfterSeconds', expect.any(Number));
      } finally {
        await harness.recover();
      }
    });

    it('throws SecretAccessRefused when access is refused', async () => {
      const secret = newName();
      await harness.put(secret, 'value');
      await harness.refuseAccess();
      try {
        await expect(harness.store.read(secret)).rejects.toBeInstanceOf(SecretAccessRefused);
      } finally {
        await harness.recover();
      }
    });

    it('shows no value in JSON, strings or inspection', async () => {
      const secret = newName();
      await harness.put(secret, 'hidden-value');
      const read = await harness.store.read(secret);
      const shown = [JSON.stringify(read), String(read), inspect(read, { showHidden: true })];
      expect(shown.join()).not.toContain('hidden-value');
    });
  });
}
