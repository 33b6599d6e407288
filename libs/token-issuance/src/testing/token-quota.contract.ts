import type { TenantSubject } from '#libs/identity-mapping';
import { canonicalName } from '#libs/platform';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TokenQuotaExceeded } from '../policy/errors.js';
import type { TokenQuota } from '../issue/token-quota.js';

/** The contract of `TokenQuota`, as a suite that every adapter passes. `passed` lets time pass. */
export function describeTokenQuota(
  name: string,
  open: () => Promise<{ quota: TokenQuota; passed: (minutes: number) => Promise<void> }>,
): void {
  describe(`${name} as a TokenQuota`, () => {
    const anIdentity = (): TenantSubject => ({
      tenant: canonicalName(randomUUID()),
      subject: canonicalName(randomUUID()),
    });

    it('limits each identity, also under concurrent requests', async () => {
      const { quota } = await open();
      const [one, other] = [anIdentity(), anIdentity()];
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, async () => quota.take(one, 7)),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
      await quota.take(other, 1);
    });

    it('reports when the next token is allowed', async () => {
      const { quota, passed } = await open();
      const identity = anIdentity();
      await quota.take(identity, 2);
      await passed(10);
      await quota.take(identity, 2);
      const refusal: unknown = await quota.take(identity, 2).catch((error: unknown) => error);
      if (!(refusal instanceof TokenQuotaExceeded)) expect.unreachable();
      expect(refusal.status).toBe(429);
      expect(refusal.retryAfterSeconds).toBeGreaterThan(49 * 60);
      expect(refusal.retryAfterSeconds).toBeLessThanOrEqual(50 * 60);
      // Under a lower limit the newer of the two tokens must be an hour old.
      const smaller: unknown = await quota.take(identity, 1).catch((error: unknown) => error);
      if (!(smaller instanceof TokenQuotaExceeded)) expect.unreachable();
      expect(smaller.retryAfterSeconds).toBeGreaterThan(59 * 60);
    });

    it('counts over any 60 minutes, not by the hours of the clock', async () => {
      const { quota, passed } = await open();
      const identity = anIdentity();
      await quota.take(identity, 2);
      await passed(40);
      await quota.take(identity, 2);
      await passed(21);
      await quota.take(identity, 2);
      await expect(quota.take(identity, 2)).rejects.toBeInstanceOf(TokenQuotaExceeded);
    });

    it('counts nothing without a limit', async () => {
      const { quota } = await open();
      const identity = anIdentity();
      const release = await quota.take(identity, undefined);
      await release();
      await quota.take(identity, 1);
    });

    it('does not count a token after its release', async () => {
      const { quota } = await open();
      const identity = anIdentity();
      const release = await quota.take(identity, 1);
      await release();
      await quota.take(identity, 1);
      await expect(quota.take(identity, 1)).rejects.toBeInstanceOf(TokenQuotaExceeded);
    });

    it('keeps the counts of the last hour in a sweep', async () => {
      const { quota, passed } = await open();
      const identity = anIdentity();
      await quota.take(identity, 1);
      await passed(50);
      await quota.sweep();
      await expect(quota.take(identity, 1)).rejects.toBeInstanceOf(TokenQuotaExceeded);
      await passed(11);
      await quota.sweep();
      await quota.take(identity, 1);
    });
  });
}
