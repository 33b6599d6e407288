import { Inject, Injectable } from '@nestjs/common';
import { addressKey, Clock, Logger, type Principal, type RequestContext } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';
import { RateLimitStore } from './rate-limit-store.js';

export type RateLimitResult =
  | { readonly isAllowed: true }
  | { readonly isAllowed: false; readonly limit: number; readonly retryAfterSeconds: number };

/** One key's requests in the current minute, as this replica counts them. */
interface LocalQuota {
  /** Requests that may pass without a call to the store. */
  remaining: number;
  /** Requests, passed or remaining, that are not in the store's count. */
  unreported: number;
  isExhausted: boolean;
  refill: Promise<void> | undefined;
}

const MINUTE_MS = 60_000;
/** Part of a limit that a replica takes per refill. Ten replicas leave at most a tenth unused. */
const BATCH_FRACTION = 1 / 100;
const MAX_KEYS = 200_000;
/** After a failure the store is not called for this time. */
const STORE_RETRY_MS = 5_000;

/**
 * Limits requests per minute over all replicas. Each replica takes batches of a limit from the store,
 * so that most requests need no round trip.
 *
 * While the store is unavailable, each replica applies the whole limit to its own requests.
 */
@Injectable()
export class RateLimiter {
  #minute = 0;
  #quotas = new Map<string, LocalQuota>();
  #storeRetryAt = -Infinity;

  constructor(
    private readonly store: RateLimitStore,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(authenticationSettings.key) private readonly settings: AuthenticationSettings,
  ) {}

  /** Counts a request of a principal. */
  async countRequest({ tenant, subject }: Principal): Promise<RateLimitResult> {
    return this.#count(`principal ${tenant} ${subject}`, this.settings.requestsPerMinute);
  }

  /** Counts rejected credentials of an address. */
  async countFailure({ clientAddress }: RequestContext): Promise<RateLimitResult> {
    if (clientAddress === undefined) return { isAllowed: true };
    return this.#count(`address ${addressKey(clientAddress)}`, this.settings.failuresPerMinute);
  }

  /** Counts a request of a public route. @param limit per minute; 0 for none */
  async countPublic(key: string, limit: number): Promise<RateLimitResult> {
    return this.#count(`public ${key}`, limit);
  }

  /** @param limit 0 for none */
  async #count(key: string, limit: number): Promise<RateLimitResult> {
    if (limit === 0) return { isAllowed: true };
    const quota = this.#quotaOf(key, limit);
    while (quota.remaining === 0 && !quota.isExhausted) {
      quota.refill ??= this.#refill(key, quota, limit).finally(() => {
        quota.refill = undefined;
      });
      await quota.refill;
    }
    if (quota.remaining > 0) {
      quota.remaining -= 1;
      return { isAllowed: true };
    }
    const leftMs = MINUTE_MS - (this.clock.now() % MINUTE_MS);
    return { isAllowed: false, limit, retryAfterSeconds: Math.ceil(leftMs / 1000) };
  }

  #quotaOf(key: string, limit: number): LocalQuota {
    const minute = Math.floor(this.clock.now() / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#quotas = new Map();
    }
    const existing = this.#quotas.get(key);
    if (existing !== undefined) return existing;
    const hasSpace = this.#quotas.size < MAX_KEYS;
    // The first batch is reported with the next one.
    const remaining = hasSpace ? Math.floor(limit * BATCH_FRACTION) : 0;
    const quota = { remaining, unreported: remaining, isExhausted: false, refill: undefined };
    if (hasSpace) this.#quotas.set(key, quota);
    return quota;
  }

  /** Takes a batch from the store. Never rejects. */
  async #refill(key: string, quota: LocalQuota, limit: number): Promise<void> {
    const batch = Math.max(1, Math.floor(limit * BATCH_FRACTION));
    if (this.clock.monotonicNow() < this.#storeRetryAt) {
      refillLocally(quota, batch, limit);
      return;
    }
    const { unreported } = quota;
    try {
      const used = await this.store.increment(key, this.#minute, unreported + batch);
      quota.unreported -= unreported;
      quota.remaining = Math.min(batch, Math.max(0, limit - (used - batch)));
      quota.isExhausted = quota.remaining === 0;
    } catch (error) {
      this.#storeRetryAt = this.clock.monotonicNow() + STORE_RETRY_MS;
      const problem = error instanceof Error ? error.name : 'unknown';
      this.logger.warn({ problem }, 'rate limits are applied by each replica alone');
      refillLocally(quota, batch, limit);
    }
  }
}

/** Takes a batch without the store, which gets it in a later report. */
function refillLocally(quota: LocalQuota, batch: number, limit: number): void {
  quota.remaining = Math.min(batch, Math.max(0, limit - quota.unreported));
  quota.unreported += quota.remaining;
  quota.isExhausted = quota.remaining === 0;
}
