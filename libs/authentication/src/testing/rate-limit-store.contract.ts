import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RateLimitStore } from '../rate-limit/rate-limit-store.js';

/**
 * The contract of `RateLimitStore`.
 *
 * @param open gives the store of two replicas that share their counts
 */
export function describeRateLimitStore(
  name: string,
  open: () => Promise<readonly [RateLimitStore, RateLimitStore]>,
): void {
  describe(`${name} as a RateLimitStore`, () => {
    let replicas: readonly [RateLimitStore, RateLimitStore];

    beforeAll(async () => {
      replicas = await open();
    });

    it('adds up the amounts of concurrent replicas', async () => {
      const key = randomUUID();
      const counts = await Promise.all(
        Array.from({ length: 50 }, async (_none, number) =>
          replicas[number % 2 === 0 ? 0 : 1].increment(key, 100, 3),
        ),
      );
      expect(counts.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 50 }, (_none, number) => 3 * (number + 1)),
      );
    });

    it('counts each key and each minute separately', async () => {
      const [store] = replicas;
      const [alice, bob] = [`principal t ${randomUUID()}`, `principal t ${randomUUID()}`];
      expect(await store.increment(alice, 100, 2)).toBe(2);
      expect(await store.increment(bob, 100, 1)).toBe(1);
      expect(await store.increment(alice, 101, 1)).toBe(1);
      expect(await store.increment(alice, 100, 1)).toBe(3);
    });
  });
}
