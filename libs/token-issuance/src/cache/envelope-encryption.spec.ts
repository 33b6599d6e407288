import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform';
import { MemorySecretStore } from '#libs/secrets';
import { SealBroken, EnvelopeEncryption } from './envelope-encryption.js';

const NAME = 'token-cache-key';
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.c29tZWJvZHk.c2lnbmF0dXJl';

function key(): string {
  return randomBytes(32).toString('base64');
}

function sealerWith(value = key()): { sealer: EnvelopeEncryption; secrets: MemorySecretStore } {
  const secrets = new MemorySecretStore(new ManualClock(), { [NAME]: value });
  return { sealer: new EnvelopeEncryption(secrets, { cacheKeySecret: NAME }), secrets };
}

describe('EnvelopeEncryption', () => {
  it('opens what it sealed, and shows nothing of it', async () => {
    const { sealer } = sealerWith();
    const sealed = await sealer.seal(TOKEN, 'alice');
    expect(await sealer.open(sealed, 'alice')).toBe(TOKEN);
    const bytes = Buffer.concat([sealed.sealed, sealed.wrappedKey]).toString('latin1');
    expect(bytes).not.toContain('eyJ');
    expect(bytes).not.toContain(TOKEN.slice(5, 20));
  });

  it('seals the same token differently each time, under another key', async () => {
    const { sealer } = sealerWith();
    const [one, other] = [await sealer.seal(TOKEN, 'a'), await sealer.seal(TOKEN, 'a')];
    expect(one.sealed.equals(other.sealed)).toBe(false);
    expect(one.wrappedKey.equals(other.wrappedKey)).toBe(false);
    await expect(sealer.open({ ...one, wrappedKey: other.wrappedKey }, 'a')).rejects.toBeInstanceOf(
      SealBroken,
    );
  });

  it('opens for what it was sealed for alone', async () => {
    const { sealer } = sealerWith();
    const sealed = await sealer.seal(TOKEN, 'alice');
    await expect(sealer.open(sealed, 'bob')).rejects.toBeInstanceOf(SealBroken);
  });

  it.each(['sealed', 'wrappedKey'] as const)('notices any changed bit of %s', async (part) => {
    const { sealer } = sealerWith();
    const sealed = await sealer.seal(TOKEN, 'alice');
    for (let at = 0; at < sealed[part].length; at += 1) {
      const changed = Buffer.from(sealed[part]);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const attempt = sealer.open({ ...sealed, [part]: changed }, 'alice');
      await expect(attempt).rejects.toBeInstanceOf(SealBroken);
    }
    const cut = sealer.open({ ...sealed, [part]: sealed[part].subarray(0, 20) }, 'alice');
    await expect(cut).rejects.toBeInstanceOf(SealBroken);
  });

  it('opens old tokens after a rotation, and seals new ones with the new key', async () => {
    const { sealer, secrets } = sealerWith();
    const old = await sealer.seal(TOKEN, 'alice');
    const version = secrets.put(NAME, key());
    const fresh = await sealer.seal(TOKEN, 'alice');
    expect(old.keyVersion).not.toBe(version);
    expect(fresh.keyVersion).toBe(version);
    expect(await sealer.open(old, 'alice')).toBe(TOKEN);
    expect(await sealer.open(fresh, 'alice')).toBe(TOKEN);
  });

  it.each(['', 'short', 'not base64 !!!', randomBytes(16).toString('base64')])(
    'refuses a secret that is no key of 32 bytes: %s',
    async (value) => {
      const { sealer } = sealerWith(value);
      await expect(sealer.seal(TOKEN, 'alice')).rejects.toBeInstanceOf(SealBroken);
    },
  );
});
