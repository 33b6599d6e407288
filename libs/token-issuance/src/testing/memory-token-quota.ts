import type { TenantSubject } from '#libs/identity-mapping';
import type { Clock } from '#libs/platform';
import { type ReleaseQuota, TokenQuota } from '../issue/token-quota.js';
import { TokenQuotaExceeded } from '../policy/errors.js';

const HOUR_MS = 3_600_000;

/** Counts in memory, for tests. */
export class MemoryTokenQuota extends TokenQuota {
  readonly #issued = new Map<string, number[]>();

  constructor(private readonly clock: Clock) {
    super();
  }

  protected async takeLimited(
    { tenant, subject }: TenantSubject,
    tokensPerHour: number,
  ): Promise<ReleaseQuota> {
    const key = JSON.stringify([tenant, subject]);
    const now = this.clock.now();
    const recent = (this.#issued.get(key) ?? []).filter((at) => at > now - HOUR_MS);
    if (recent.length >= tokensPerHour) {
      const waitMs = (recent.at(-tokensPerHour) ?? now) + HOUR_MS - now;
      throw new TokenQuotaExceeded(tokensPerHour, Math.max(1, Math.ceil(waitMs / 1000)));
    }
    this.#issued.set(key, [...recent, now]);
    return Promise.resolve(async () => {
      const all = this.#issued.get(key) ?? [];
      this.#issued.set(key, all.toSpliced(all.indexOf(now), 1));
      return Promise.resolve();
    });
  }

  async sweep(): Promise<void> {
    const now = this.clock.now();
    for (const [key, times] of this.#issued) {
      if (times.every((at) => at <= now - HOUR_MS)) this.#issued.delete(key);
    }
    return Promise.resolve();
  }
}
