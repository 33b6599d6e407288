import { describe, expect, it } from 'vitest';
import type { CachedToken, CacheKey, TokenCache } from '../cache/token-cache.js';

/** An adapter under test, with what the suite needs of it. */
export interface TokenCacheSubject {
  readonly cache: TokenCache;
  readonly now: () => number;
  /** Lets time pass. */
  readonly passed: (minutes: number) => Promise<void>;
  /** A key of an active mapping that is stored. */
  readonly newKey: () => Promise<CacheKey>;
}

/** The contract of `TokenCache`, as a suite that every adapter passes. */
export function describeTokenCache(name: string, open: () => Promise<TokenCacheSubject>): void {
  describe(`${name} as a TokenCache`, () => {
    const tokenOf = (now: number, minutes: number, text = 'the-token'): CachedToken => ({
      token: text,
      expiresOn: new Date(now + minutes * 60_000),
      fingerprint: { fingerprint: 'print', fingerprintKey: 'key-1' },
      secretVersion: 'version-1',
    });

    it('finds a stored token, with the fingerprint of its issuance', async () => {
      const { cache, now, newKey } = await open();
      const key = await newKey();
      const token = tokenOf(now(), 60);
      await cache.store(key, token);
      expect(await cache.find(key)).toEqual(token);
    });

    it('finds the newest token of a key', async () => {
      const { cache, now, newKey } = await open();
      const key = await newKey();
      await cache.store(key, tokenOf(now(), 60, 'old'));
      await cache.store(key, tokenOf(now(), 90, 'new'));
      expect((await cache.find(key))?.token).toBe('new');
    });

    it('finds no token of another identity, variant or generation', async () => {
      const { cache, now, newKey } = await open();
      const [key, otherKey] = [await newKey(), await newKey()];
      await cache.store(key, tokenOf(now(), 60));
      expect(await cache.find(otherKey)).toBeUndefined();
      expect(await cache.find({ ...key, variant: 'other' })).toBeUndefined();
      const next = { ...key, tokenGeneration: key.tokenGeneration + 1 };
      expect(await cache.find(next)).toBeUndefined();
    });

    it.each([
      [60, 39, 41],
      [1440, 959, 961],
    ])(
      'finds a token of %i minutes after %i minutes, but not after %i',
      async (lifetime, within, after) => {
        const { cache, now, passed, newKey } = await open();
        const key = await newKey();
        await cache.store(key, tokenOf(now(), lifetime));
        await passed(within);
        expect(await cache.find(key)).toBeDefined();
        await passed(after - within);
        expect(await cache.find(key)).toBeUndefined();
      },
    );

    it('deletes tokens of other policies', async () => {
      const { cache, now, newKey } = await open();
      const key = await newKey();
      await cache.store(key, tokenOf(now(), 60));
      await cache.dropOtherPolicies(key.policyVersion);
      expect(await cache.find(key)).toBeDefined();
      await cache.dropOtherPolicies('another policy');
      expect(await cache.find(key)).toBeUndefined();
    });

    it('keeps reusable tokens in a sweep', async () => {
      const { cache, now, newKey } = await open();
      const key = await newKey();
      await cache.store(key, tokenOf(now(), 60));
      await cache.sweep();
      expect(await cache.find(key)).toBeDefined();
    });
  });
}
