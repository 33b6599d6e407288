import { createHash, createHmac } from 'node:crypto';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { ReadinessChecks } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { SecretNotFound, SecretUnavailable } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { SecretTokenFingerprints } from './secret-token-fingerprints.js';

const NAME = 'audit-fingerprint-key';
const KEY = 'the first fingerprint key, 32 characters';
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.c29tZWJvZHk.c2lnbmF0dXJl';

describe('SecretTokenFingerprints', () => {
  let secrets: MemorySecretStore;
  let readiness: ReadinessChecks;
  let fingerprints: SecretTokenFingerprints;

  beforeEach(() => {
    secrets = new MemorySecretStore(new ManualClock(), {
      'another-secret': 'the key of something else',
      [NAME]: KEY,
    });
    readiness = new ReadinessChecks(new MemoryLogger(), new Registry());
    fingerprints = new SecretTokenFingerprints(secrets, { fingerprintKeySecret: NAME }, readiness);
  });

  it('is HMAC-SHA-256 over the token with the secret as key, and names the key’s version', async () => {
    expect(await fingerprints.of(TOKEN)).toEqual({
      fingerprint: createHmac('sha256', KEY).update(TOKEN).digest('base64url'),
      fingerprintKey: (await secrets.read(NAME)).version,
    });
  });

  it('can’t be computed from the token without the key', async () => {
    const keyed = new Set<string>();
    for (const key of [KEY, `${KEY}2`, KEY.toUpperCase(), 'another fingerprint key entirely']) {
      secrets.put(NAME, key);
      keyed.add((await fingerprints.of(TOKEN)).fingerprint);
    }
    expect(keyed.size).toBe(4);
    expect(keyed).not.toContain(createHash('sha256').update(TOKEN).digest('base64url'));
    expect(keyed).not.toContain(createHmac('sha256', '').update(TOKEN).digest('base64url'));
  });

  it('differs for tokens that differ in one character', async () => {
    const one = await fingerprints.of(TOKEN);
    const other = await fingerprints.of(`${TOKEN.slice(0, -1)}k`);
    expect(other.fingerprint).not.toBe(one.fingerprint);
    expect(other.fingerprintKey).toBe(one.fingerprintKey);
  });

  it('uses the new key after a rotation, and finds earlier fingerprints with the key they name', async () => {
    const before = await fingerprints.of(TOKEN);
    const version = secrets.put(NAME, 'the second fingerprint key, 32 characters');
    const after = await fingerprints.of(TOKEN);
    expect(after.fingerprintKey).toBe(version);
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(await fingerprints.withKey(TOKEN, before.fingerprintKey)).toEqual(before);
    expect(await fingerprints.withKey(TOKEN, after.fingerprintKey)).toEqual(after);
  });

  it('gives no fingerprint, and is not ready, while the key can’t be read', async () => {
    fingerprints.onApplicationBootstrap();
    expect(await readiness.ask()).toEqual({ 'token fingerprints': { isReady: true } });
    secrets.failWith(new SecretUnavailable());
    await expect(fingerprints.of(TOKEN)).rejects.toBeInstanceOf(SecretUnavailable);
    expect(await readiness.ask()).toMatchObject({ 'token fingerprints': { isReady: false } });
    secrets.failWith(undefined);
    await expect(fingerprints.withKey(TOKEN, 'unknown')).rejects.toBeInstanceOf(SecretNotFound);
    secrets.remove(NAME);
    await expect(fingerprints.of(TOKEN)).rejects.toBeInstanceOf(SecretNotFound);
    expect(await readiness.ask()).toMatchObject({ 'token fingerprints': { isReady: false } });
  });
});
