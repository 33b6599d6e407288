import type { Clock } from '#libs/platform';
import {
  type CachedToken,
  type CachePlace,
  reusableUntil,
  TokenCache,
} from '../cache/token-cache.js';

interface Kept {
  readonly place: CachePlace;
  readonly token: CachedToken;
  readonly until: number;
}

/** Keeps tokens in memory, for tests. */
export class MemoryTokenCache extends TokenCache {
  readonly #kept = new Map<string, Kept>();

  constructor(private readonly clock: Clock) {
    super();
  }

  async find(place: CachePlace): Promise<CachedToken | undefined> {
    const kept = this.#kept.get(keyOf(place));
    const isGood =
      kept?.place.tokenGeneration === place.tokenGeneration && kept.until >= this.clock.now();
    return Promise.resolve(isGood ? kept.token : undefined);
  }

  async keep(place: CachePlace, token: CachedToken): Promise<void> {
    const until = reusableUntil(this.clock.now(), token.expiresOn).getTime();
    this.#kept.set(keyOf(place), { place, token, until });
    return Promise.resolve();
  }

  async dropOtherPolicies(policyVersion: string): Promise<void> {
    for (const [key, { place }] of this.#kept) {
      if (place.policyVersion !== policyVersion) this.#kept.delete(key);
    }
    return Promise.resolve();
  }

  async sweep(): Promise<void> {
    for (const [key, { until }] of this.#kept) {
      if (until < this.clock.now()) this.#kept.delete(key);
    }
    return Promise.resolve();
  }
}

function keyOf({ mappingId, variant }: CachePlace): string {
  return `${mappingId} ${variant}`;
}
