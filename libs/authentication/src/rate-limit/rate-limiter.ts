import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Clock, Logger, type RequestContext } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';
import { rateLimitKey } from './rate-limit-key.js';
import type { Principal } from '../access/principal.js';
import { RateLimitStore } from './rate-limit-store.js';

/** What a limit says of one request. */
export type RateLimitResult =
  | { readonly isAllowed: true }
  | { readonly isAllowed: false; readonly limit: number; readonly retryAfterSeconds: number };

/** This replica's part of what one key may use within the minute. */
interface Share {
  /** Requests that may pass without asking. */
  left: number;
  /** Requests that passed or may pass and that the counter doesn't know of. */
  unreported: number;
  isExhausted: boolean;
  asking: Promise<void> | undefined;
}

const MINUTE_MS = 60_000;
/** A replica takes this part of a limit at once: what ten idle replicas hold unused is a tenth. */
const SHARE = 1 / 100;
const MOST_KEYS = 200_000;
/** So long the replica counts for itself after the database failed. */
const OUTAGE_PAUSE_MS = 5_000;

/**
 * Limits by the minute, over all replicas. Each replica takes shares of a limit from a common
 * counter, so that most requests pass without asking it. Without the database each replica
 * applies the limit for itself: an outage is never answered with 429.
 */
@Injectable()
export class RateLimiter implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();
  #minute = 0;
  #shares = new Map<string, Share>();
  #askAgainAt = 0;

  constructor(
    private readonly counter: RateLimitStore,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(authenticationSettings.key) private readonly settings: AuthenticationSettings,
  ) {}

  onApplicationBootstrap(): void {
    void this.#forgetEachMinute();
  }

  onModuleDestroy(): void {
    this.#stop.abort();
  }

  /** Counts a request of a principal. */
  async countRequest({ tenant, subject }: Principal): Promise<RateLimitResult> {
    return this.#count(`principal ${tenant} ${subject}`, this.settings.requestsPerMinute);
  }

  /** Counts refused credentials; addresses of one IPv6 network count as one. */
  async countFailure({ clientAddress }: RequestContext): Promise<RateLimitResult> {
    if (clientAddress === undefined) return { isAllowed: true };
    return this.#count(`address ${rateLimitKey(clientAddress)}`, this.settings.failuresPerMinute);
  }

  async #count(key: string, limit: number): Promise<RateLimitResult> {
    if (limit === 0) return { isAllowed: true };
    const share = this.#shareOf(key, limit);
    while (share.left === 0 && !share.isExhausted) {
      share.asking ??= this.#ask(key, share, limit).finally(() => {
        share.asking = undefined;
      });
      await share.asking;
    }
    if (share.left > 0) {
      share.left -= 1;
      return { isAllowed: true };
    }
    const leftMs = MINUTE_MS - (this.clock.now() % MINUTE_MS);
    return { isAllowed: false, limit, retryAfterSeconds: Math.ceil(leftMs / 1000) };
  }

  #shareOf(key: string, limit: number): Share {
    const minute = Math.floor(this.clock.now() / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#shares = new Map();
    }
    const known = this.#shares.get(key);
    if (known !== undefined) return known;
    // The first few pass without asking; the counter hears of them later.
    const left = this.#shares.size < MOST_KEYS ? Math.floor(limit * SHARE) : 0;
    const share = { left, unreported: left, isExhausted: false, asking: undefined };
    if (this.#shares.size < MOST_KEYS) this.#shares.set(key, share);
    return share;
  }

  /** Takes a further share from the counter. Never rejects. */
  async #ask(key: string, share: Share, limit: number): Promise<void> {
    const wanted = Math.max(1, Math.floor(limit * SHARE));
    if (this.clock.now() < this.#askAgainAt) {
      takeAlone(share, wanted, limit);
      return;
    }
    const { unreported } = share;
    try {
      const used = await this.counter.increment(key, this.#minute, unreported + wanted);
      share.unreported -= unreported;
      share.left = Math.min(wanted, Math.max(0, limit - (used - wanted)));
      share.isExhausted = share.left === 0;
    } catch (error) {
      this.#askAgainAt = this.clock.now() + OUTAGE_PAUSE_MS;
      const problem = error instanceof Error ? error.name : 'unknown';
      this.logger.warn({ problem }, 'request limits are applied by each replica for itself');
      takeAlone(share, wanted, limit);
    }
  }

  async #forgetEachMinute(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.clock.sleep(MINUTE_MS, signal).catch(() => undefined);
      const minute = Math.floor(this.clock.now() / MINUTE_MS);
      // Replicas' clocks may differ a little.
      await this.counter.forgetBefore(minute - 1).catch(() => undefined);
    }
  }
}

/** What is taken without asking is reported when the counter answers again. */
function takeAlone(share: Share, wanted: number, limit: number): void {
  share.left = Math.min(wanted, Math.max(0, limit - share.unreported));
  share.unreported += share.left;
  share.isExhausted = share.left === 0;
}
