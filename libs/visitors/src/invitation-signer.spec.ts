import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { ReadinessChecks } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { SecretUnusable } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { InvitationRefused } from './errors.js';
import { InvitationKeys } from './invitation-keys.js';
import { InvitationSigner } from './invitation-signer.js';
import type { InvitationStore } from './store/invitation-store.js';

const NAME = 'invitation-key';

describe('InvitationSigner', () => {
  let clock: ManualClock;
  let secrets: MemorySecretStore;
  let versions: string[];
  let reads: number;
  let signer: InvitationSigner;
  let readiness: ReadinessChecks;
  const inAnHour = (): Date => new Date(Math.floor(clock.now() / 1_000) * 1_000 + 3_600_000);

  beforeEach(() => {
    clock = new ManualClock(Date.UTC(2026, 10, 26));
    secrets = new MemorySecretStore(clock);
    versions = [secrets.put(NAME, randomBytes(32).toString('base64'))];
    reads = 0;
    const store = {
      keyVersions: async () => {
        reads += 1;
        return Promise.resolve(versions);
      },
    } as unknown as InvitationStore; // all that the keys read
    readiness = new ReadinessChecks(new MemoryLogger(), new Registry());
    const keys = new InvitationKeys(secrets, store, clock, { keySecret: NAME }, readiness);
    keys.onApplicationBootstrap();
    signer = new InvitationSigner(keys, clock);
  });

  it('opens what it has signed until the expiry, without the database', async () => {
    const { text, id, hash } = await signer.sign(inAnHour());
    expect(await signer.open(text)).toEqual({ id, hash });
    await clock.advance(3_600_000);
    await expect(signer.open(text)).rejects.toMatchObject({ reason: 'expired', invitation: id });
    expect(reads).toBe(0);
  });

  it('opens no guess, and reads nothing for one', async () => {
    const { text } = await signer.sign(inAnHour());
    const [head = '', version = ''] = text.split('.');
    for (let n = 0; n < 1_000; n += 1) {
      const guess = [randomBytes(36), randomBytes(32)].map((part) => part.toString('base64url'));
      const guessed = signer.open([head, version, ...guess].join('.'));
      await expect(guessed).rejects.toMatchObject({ reason: 'forged' });
    }
    expect(reads).toBe(0);
  });

  it('opens no invitation of which one character is another', async () => {
    const { text } = await signer.sign(inAnHour());
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'A' ? 'B' : 'A';
      const tampered = text.slice(0, at) + other + text.slice(at + 1);
      await expect(signer.open(tampered), tampered).rejects.toThrow(InvitationRefused);
    }
  });

  it('signs and opens nothing with a key that can be guessed, and says so', async () => {
    const { text } = await signer.sign(inAnHour());
    expect(await readiness.ask()).toEqual({ invitations: { isReady: true } });
    secrets.put(NAME, 'a word of 31 characters, or so.\n');
    await expect(signer.sign(inAnHour())).rejects.toThrow(SecretUnusable);
    await expect(signer.open(text)).rejects.toThrow(SecretUnusable);
    expect(await readiness.ask()).toMatchObject({
      invitations: { isReady: true, degradation: expect.stringContaining(NAME) as string },
    });
  });

  it('opens those of the key before, until the operator disables it', async () => {
    const { text, id } = await signer.sign(inAnHour());
    secrets.put(NAME, randomBytes(32).toString('base64'));
    expect(await signer.open(text)).toMatchObject({ id });
    expect((await signer.sign(inAnHour())).keyVersion).not.toBe(versions[0]);
    secrets.disable(NAME, versions[0] ?? '');
    await expect(signer.open(text)).rejects.toMatchObject({ reason: 'forged' });
  });

  it('reads which versions are in use every ten seconds at most, whatever strangers name', async () => {
    const { text } = await signer.sign(inAnHour());
    const [head, , ...rest] = text.split('.');
    for (let n = 0; n < 100; n += 1) {
      const named = [head, randomBytes(16).toString('hex'), ...rest].join('.');
      await expect(signer.open(named)).rejects.toMatchObject({ reason: 'forged' });
    }
    expect(reads).toBe(1);
    await clock.advance(10_000);
    await expect(signer.open([head, 'other', ...rest].join('.'))).rejects.toThrow();
    expect(reads).toBe(2);
  });
});
