import type { Clock } from '#libs/platform';
import {
  type CachedToken,
  type CacheKey,
  reusableUntil,
  TokenCache,
} from '../cache/token-cache.js';

interface Entry {
  readonly key: CacheKey;
  readonly token: CachedToken;
  readonly reusableUntilMs: number;
}

/** Caches tokens in memory, for tests. */
export class MemoryTokenCache extends TokenCache {
  readonly #entries = new Map<string, Entry>();

  constructor(private readonly clock: Clock) {
    super();
  }

  async find(key: CacheKey): Promise<CachedToken | undefined> {
    const entry = this.#entries.get(nameOf(key));
    const isReusable =
      entry?.key.tokenGeneration === key.tokenGeneration &&
      entry.reusableUntilMs >= this.clock.now();
    return Promise.resolve(isReusable ? entry.token : undefined);
  }

  async store(key: CacheKey, token: CachedToken): Promise<void> {
    const reusableUntilMs = reusableUntil(this.clock.now(), token.expiresOn).getTime();
    this.#entries.set(nameOf(key), { key, token, reusableUntilMs });
    return Promise.resolve();
  }

  async dropOtherPolicies(policyVersion: string): Promise<void> {
    for (const [name, { key }] of this.#entries) {
      if (key.policyVersion !== policyVersion) this.#entries.delete(name);
    }
    return Promise.resolve();
  }

  async sweep(): Promise<void> {
    for (const [name, { reusableUntilMs }] of this.#entries) {
      if (reusableUntilMs < this.clock.now()) this.#entries.delete(name);
    }
    return Promise.resolve();
  }
}

function nameOf({ mappingId, variant }: CacheKey): string {
  return `${mappingId} ${variant}`;
}
