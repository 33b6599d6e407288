import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import { MemorySecretStore } from '#libs/secrets/testing';
import { DecryptionFailed, EnvelopeEncryption } from './envelope-encryption.js';

const NAME = 'token-cache-key';
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.c29tZWJvZHk.c2lnbmF0dXJl';

function key(): string {
  return randomBytes(32).toString('base64');
}

function encryptionWith(value = key()): {
  encryption: EnvelopeEncryption;
  secrets: MemorySecretStore;
} {
  const secrets = new MemorySecretStore(new ManualClock(), { [NAME]: value });
  return { encryption: new EnvelopeEncryption(secrets, { cacheKeySecret: NAME }), secrets };
}

describe('EnvelopeEncryption', () => {
  it('uses a mended key at once, also while the malformed one is cached', async () => {
    const { encryption, secrets } = encryptionWith('no key');
    const cached = await secrets.read(NAME);
    vi.spyOn(secrets, 'read').mockResolvedValue(cached);
    await expect(encryption.encrypt(TOKEN, 'alice')).rejects.toBeInstanceOf(DecryptionFailed);
    const newest = secrets.put(NAME, key());
    vi.spyOn(secrets, 'reread').mockImplementation(async () => secrets.readVersion(NAME, newest));
    expect((await encryption.encrypt(TOKEN, 'alice')).keyVersion).toBe(newest);
  });

  it('decrypts what it has encrypted; the stored bytes contain nothing of the token', async () => {
    const { encryption } = encryptionWith();
    const encrypted = await encryption.encrypt(TOKEN, 'alice');
    expect(await encryption.decrypt(encrypted, 'alice')).toBe(TOKEN);
    const bytes = Buffer.concat([encrypted.ciphertext, encrypted.wrappedKey]).toString('latin1');
    expect(bytes).not.toContain('eyJ');
    expect(bytes).not.toContain(TOKEN.slice(5, 20));
  });

  it('encrypts the same token differently each time, with another data key', async () => {
    const { encryption } = encryptionWith();
    const [one, other] = [
      await encryption.encrypt(TOKEN, 'a'),
      await encryption.encrypt(TOKEN, 'a'),
    ];
    expect(one.ciphertext.equals(other.ciphertext)).toBe(false);
    expect(one.wrappedKey.equals(other.wrappedKey)).toBe(false);
    await expect(
      encryption.decrypt({ ...one, wrappedKey: other.wrappedKey }, 'a'),
    ).rejects.toBeInstanceOf(DecryptionFailed);
  });

  it('decrypts only with the same associated data', async () => {
    const { encryption } = encryptionWith();
    const encrypted = await encryption.encrypt(TOKEN, 'alice');
    await expect(encryption.decrypt(encrypted, 'bob')).rejects.toBeInstanceOf(DecryptionFailed);
  });

  it.each(['ciphertext', 'wrappedKey'] as const)('refuses any changed bit of %s', async (part) => {
    const { encryption } = encryptionWith();
    const encrypted = await encryption.encrypt(TOKEN, 'alice');
    for (let at = 0; at < encrypted[part].length; at += 1) {
      const changed = Buffer.from(encrypted[part]);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const attempt = encryption.decrypt({ ...encrypted, [part]: changed }, 'alice');
      await expect(attempt).rejects.toBeInstanceOf(DecryptionFailed);
    }
    const cut = encryption.decrypt(
      { ...encrypted, [part]: encrypted[part].subarray(0, 20) },
      'alice',
    );
    await expect(cut).rejects.toBeInstanceOf(DecryptionFailed);
  });

  it('decrypts old tokens after a rotation, and encrypts new ones with the new key', async () => {
    const { encryption, secrets } = encryptionWith();
    const old = await encryption.encrypt(TOKEN, 'alice');
    const version = secrets.put(NAME, key());
    const newest = await encryption.encrypt(TOKEN, 'alice');
    expect(old.keyVersion).not.toBe(version);
    expect(newest.keyVersion).toBe(version);
    expect(await encryption.decrypt(old, 'alice')).toBe(TOKEN);
    expect(await encryption.decrypt(newest, 'alice')).toBe(TOKEN);
  });

  it.each(['', 'short', 'not base64 !!!', randomBytes(16).toString('base64')])(
    'refuses a secret that is not 32 bytes in base64: %s',
    async (value) => {
      const { encryption } = encryptionWith(value);
      await expect(encryption.encrypt(TOKEN, 'alice')).rejects.toBeInstanceOf(DecryptionFailed);
    },
  );
});
