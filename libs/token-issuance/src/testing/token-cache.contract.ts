import { describe, expect, it } from 'vitest';
import type { CachedToken, CacheKey, TokenCache } from '../cache/token-cache.js';

export interface CacheSubject {
  readonly cache: TokenCache;
  readonly now: () => number;
  readonly passed: (minutes: number) => Promise<void>;
  /** A place for an active mapping that is stored. */
  readonly place: () => Promise<CacheKey>;
}

/** What every cache promises. */
export function tokenCacheContract(name: string, open: () => Promise<CacheSubject>): void {
  describe(`${name} as a TokenCache`, () => {
    const tokenOf = (now: number, minutes: number, text = 'the-token'): CachedToken => ({
      token: text,
      expiresOn: new Date(now + minutes * 60_000),
      fingerprint: { fingerprint: 'print', fingerprintKey: 'key-1' },
      secretVersion: 'version-1',
    });

    it('gives back what it keeps, with the fingerprint of its issuance', async () => {
      const { cache, now, place } = await open();
      const where = await place();
      const token = tokenOf(now(), 60);
      await cache.store(where, token);
      expect(await cache.find(where)).toEqual(token);
    });

    it('gives the newest of one place', async () => {
      const { cache, now, place } = await open();
      const where = await place();
      await cache.store(where, tokenOf(now(), 60, 'old'));
      await cache.store(where, tokenOf(now(), 90, 'new'));
      expect((await cache.find(where))?.token).toBe('new');
    });

    it('never gives one identity, variant or generation the token of another', async () => {
      const { cache, now, place } = await open();
      const [where, elsewhere] = [await place(), await place()];
      await cache.store(where, tokenOf(now(), 60));
      expect(await cache.find(elsewhere)).toBeUndefined();
      expect(await cache.find({ ...where, variant: 'other' })).toBeUndefined();
      const next = { ...where, tokenGeneration: where.tokenGeneration + 1 };
      expect(await cache.find(next)).toBeUndefined();
    });

    it.each([
      [60, 39, 41],
      [1440, 959, 961],
    ])('hands a token of %i minutes out after %i, but not after %i', async (life, good, late) => {
      const { cache, now, passed, place } = await open();
      const where = await place();
      await cache.store(where, tokenOf(now(), life));
      await passed(good);
      expect(await cache.find(where)).toBeDefined();
      await passed(late - good);
      expect(await cache.find(where)).toBeUndefined();
    });

    it('forgets tokens of other policies', async () => {
      const { cache, now, place } = await open();
      const where = await place();
      await cache.store(where, tokenOf(now(), 60));
      await cache.dropOtherPolicies(where.policyVersion);
      expect(await cache.find(where)).toBeDefined();
      await cache.dropOtherPolicies('another policy');
      expect(await cache.find(where)).toBeUndefined();
    });

    it('keeps what is good when it sweeps', async () => {
      const { cache, now, place } = await open();
      const where = await place();
      await cache.store(where, tokenOf(now(), 60));
      await cache.sweep();
      expect(await cache.find(where)).toBeDefined();
    });
  });
}
