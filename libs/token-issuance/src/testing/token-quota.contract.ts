import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TokenQuotaExceeded } from '../policy/errors.js';
import type { TokenQuota } from '../issue/token-quota.js';

/** What every quota promises. @param passed lets the time pass */
export function tokenQuotaContract(
  name: string,
  open: () => Promise<{ quota: TokenQuota; passed: (minutes: number) => Promise<void> }>,
): void {
  describe(`${name} as a TokenQuota`, () => {
    const someone = (): { tenant: string; subject: string } => ({
      tenant: randomUUID(),
      subject: randomUUID(),
    });

    it('gives each identity its places, and no more however many ask at once', async () => {
      const { quota } = await open();
      const [one, other] = [someone(), someone()];
      const asked = await Promise.allSettled(
        Array.from({ length: 20 }, async () => quota.take(one, 7)),
      );
      expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
      await quota.take(other, 1);
    });

    it('says when the next place is free', async () => {
      const { quota, passed } = await open();
      const who = someone();
      await quota.take(who, 2);
      await passed(10);
      await quota.take(who, 2);
      const refusal: unknown = await quota.take(who, 2).catch((error: unknown) => error);
      if (!(refusal instanceof TokenQuotaExceeded)) expect.unreachable();
      expect(refusal.status).toBe(429);
      expect(refusal.retryAfterSeconds).toBeGreaterThan(49 * 60);
      expect(refusal.retryAfterSeconds).toBeLessThanOrEqual(50 * 60);
      // With a smaller number now, it is the younger token that has to be an hour old.
      const smaller: unknown = await quota.take(who, 1).catch((error: unknown) => error);
      if (!(smaller instanceof TokenQuotaExceeded)) expect.unreachable();
      expect(smaller.retryAfterSeconds).toBeGreaterThan(59 * 60);
    });

    it('counts over any 60 minutes, not by the clock’s hours', async () => {
      const { quota, passed } = await open();
      const who = someone();
      await quota.take(who, 2);
      await passed(40);
      await quota.take(who, 2);
      await passed(21);
      await quota.take(who, 2);
      await expect(quota.take(who, 2)).rejects.toBeInstanceOf(TokenQuotaExceeded);
    });

    it('counts nothing without a limit', async () => {
      const { quota } = await open();
      const who = someone();
      const release = await quota.take(who, undefined);
      await release();
      await quota.take(who, 1);
    });

    it('counts a token no longer that was not released', async () => {
      const { quota } = await open();
      const who = someone();
      const release = await quota.take(who, 1);
      await release();
      await quota.take(who, 1);
      await expect(quota.take(who, 1)).rejects.toBeInstanceOf(TokenQuotaExceeded);
    });

    it('keeps the count of whoever had a token in the last hour when it sweeps', async () => {
      const { quota, passed } = await open();
      const who = someone();
      await quota.take(who, 1);
      await passed(50);
      await quota.sweep();
      await expect(quota.take(who, 1)).rejects.toBeInstanceOf(TokenQuotaExceeded);
      await passed(11);
      await quota.sweep();
      await quota.take(who, 1);
    });
  });
}
