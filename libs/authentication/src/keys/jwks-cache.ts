import { type Clock, type Logger, PeriodicTask } from '#libs/platform';
import { IdentityProviderUnavailable } from '../errors.js';
import type { KeySettings } from '../settings.js';
import {
  discoveryDocument,
  importJwks,
  isSameKey,
  keyName,
  type SigningKey,
  type SigningKeys,
} from './jwks.js';
import type { MetadataSource } from './metadata-source.js';

interface Jwks {
  readonly issuer: string;
  readonly keys: SigningKeys;
  /** When the load started, in milliseconds since 1970. */
  readonly requestedAt: number;
}

/** A signing key and its issuer. */
export interface IssuerKey {
  readonly issuer: string;
  readonly key: SigningKey;
}

export interface JwksCacheDependencies {
  readonly source: MetadataSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: KeySettings;
}

/** What the metadata of an issuer is used for. */
export interface ExpectedIssuer {
  /** Whether the discovery document may name this issuer. */
  readonly isIssuer: (issuer: string) => boolean;
  /** Of signatures; keys for others are skipped. */
  readonly algorithms: readonly string[];
}

/** Of the maximum age: keys are refreshed before they reach it, with time left for another attempt. */
const REFRESH_SHARE = 0.5;

/** Requests that wait for one load at most; further ones get 503. */
const MAX_WAITING = 1_000;

/**
 * The signing keys of one issuer, as `createRemoteJWKSet` of `jose` keeps them, but refreshed in the
 * background too.
 *
 * Concurrent callers share one load. An unknown key id causes a load, at most one in each cooldown.
 * When loads fail, the last keys are used until they reach their maximum age.
 */
export class JwksCache {
  #jwks: Jwks | undefined;
  #loading: Promise<void> | undefined;
  #nextLoad: Promise<void> | undefined;
  #lastAttemptAt = -Infinity;
  /** Of the last load, when it failed. */
  #failure: unknown;
  #waitingCount = 0;
  readonly #refresh: PeriodicTask;

  /** @param discoveryUrl address of the discovery document */
  constructor(
    readonly discoveryUrl: string,
    private readonly expected: ExpectedIssuer,
    private readonly dependencies: JwksCacheDependencies,
  ) {
    const { clock, logger, settings } = dependencies;
    this.#refresh = new PeriodicTask({
      name: 'refresh signing keys',
      run: async () => this.#scheduleLoad(),
      intervalMs: () =>
        this.#lastLoadSucceeded
          ? Math.min(settings.refreshMs, settings.maxAgeMs * REFRESH_SHARE)
          : Math.min(settings.refreshMs, settings.cooldownMs * 6),
      runsAtStart: true,
      clock,
      logger,
    });
  }

  /** Loads the keys now and refreshes them in the background. */
  start(): void {
    this.#refresh.start();
  }

  /** Ends the refreshes. Waits for the load that is scheduled or in flight. */
  async stop(): Promise<void> {
    await this.#refresh.stop();
  }

  /** Whether usable keys are cached. */
  get isReady(): boolean {
    return this.#usable() !== undefined;
  }

  /** @returns the key when it is cached; never loads */
  cached(keyId: string, algorithm: string): IssuerKey | undefined {
    const usable = this.#usable();
    const key = usable?.keys.get(keyName(keyId, algorithm));
    return usable && key && { issuer: usable.issuer, key };
  }

  /**
   * The `issuer` of the discovery document.
   *
   * @throws IdentityProviderUnavailable
   */
  async issuer(): Promise<string> {
    return (this.#usable() ?? (await this.#loadNow())).issuer;
  }

  /**
   * Finds a key. For an unknown id it waits for a load that starts after the call, up to one
   * cooldown, so that a key published just now is found.
   *
   * @param keyId `undefined` finds the only key for the algorithm
   * @param otherThan a key that is not meant: one that replaces it is found
   * @returns `undefined` when the issuer has no such key for the algorithm
   * @throws IdentityProviderUnavailable when the load failed or too many requests wait
   */
  async find(
    keyId: string | undefined,
    algorithm: string,
    otherThan?: SigningKey,
  ): Promise<SigningKey | undefined> {
    const name = keyName(keyId, algorithm);
    const keyIn = (jwks: Jwks | undefined): SigningKey | undefined => {
      const key = jwks?.keys.get(name);
      return key && otherThan && isSameKey(key, otherThan) ? undefined : key;
    };
    const cached = keyIn(this.#usable());
    if (cached !== undefined) return cached;
    const calledAt = this.dependencies.clock.monotonicNow();
    let jwks = this.#usable() ?? (await this.#loadNow());
    while (keyIn(jwks) === undefined && jwks.requestedAt <= calledAt)
      jwks = await this.#loadAfterCooldown();
    return keyIn(jwks);
  }

  get #lastLoadSucceeded(): boolean {
    return this.#jwks !== undefined && this.#jwks.requestedAt >= this.#lastAttemptAt;
  }

  /** The cached keys, unless they are older than the maximum age. */
  #usable(): Jwks | undefined {
    if (this.#jwks === undefined) return undefined;
    const ageMs = this.dependencies.clock.monotonicNow() - this.#jwks.requestedAt;
    return ageMs <= this.dependencies.settings.maxAgeMs ? this.#jwks : undefined;
  }

  get #cooldownLeftMs(): number {
    const { clock, settings } = this.dependencies;
    return Math.max(0, this.#lastAttemptAt + settings.cooldownMs - clock.monotonicNow());
  }

  get #isCoolingDown(): boolean {
    return this.#loading === undefined && this.#cooldownLeftMs > 0;
  }

  async #loadNow(): Promise<Jwks> {
    if (this.#isCoolingDown) throw this.#unavailable();
    await this.#loadOnce();
    const usable = this.#usable();
    if (usable === undefined) throw this.#unavailable();
    return usable;
  }

  async #loadAfterCooldown(): Promise<Jwks> {
    // The issuer has just failed: fail at once instead of waiting for the next attempt.
    if (this.#isCoolingDown && !this.#lastLoadSucceeded) throw this.#unavailable();
    if (this.#waitingCount >= MAX_WAITING) throw this.#unavailable();
    this.#waitingCount += 1;
    try {
      await this.#scheduleLoad();
    } finally {
      this.#waitingCount -= 1;
    }
    if (this.#jwks === undefined || !this.#lastLoadSucceeded) throw this.#unavailable();
    return this.#jwks;
  }

  /** Loads at the end of the cooldown, once for all callers that wait. Never rejects. */
  async #scheduleLoad(): Promise<void> {
    this.#nextLoad ??= this.#coolDownAndLoad().finally(() => {
      this.#nextLoad = undefined;
    });
    return this.#nextLoad;
  }

  async #coolDownAndLoad(): Promise<void> {
    await this.#loading;
    await this.dependencies.clock.sleep(this.#cooldownLeftMs);
    await this.#loadOnce();
  }

  /** Joins the load in flight, or starts one. Never rejects. */
  async #loadOnce(): Promise<void> {
    this.#loading ??= this.#attempt().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #attempt(): Promise<void> {
    const { clock, logger } = this.dependencies;
    const documentUrl = this.discoveryUrl;
    const requestedAt = clock.monotonicNow();
    this.#lastAttemptAt = requestedAt;
    try {
      this.#jwks = { ...(await this.#fetch()), requestedAt };
      this.#failure = undefined;
      const keyIds = new Set([...this.#jwks.keys.values()].map(({ keyId }) => keyId));
      logger.debug({ documentUrl, keyCount: keyIds.size }, 'signing keys loaded');
    } catch (error) {
      this.#failure = error;
      const problem = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';
      logger.warn({ documentUrl, problem }, 'signing keys could not be loaded');
    }
  }

  async #fetch(): Promise<Omit<Jwks, 'requestedAt'>> {
    const { source, settings, logger } = this.dependencies;
    const signal = AbortSignal.timeout(settings.timeoutMs);
    const { issuer, jwks_uri: jwksUrl } = discoveryDocument.parse(
      await source.load(this.discoveryUrl, signal),
    );
    const { isIssuer, algorithms } = this.expected;
    if (!isIssuer(issuer)) throw new Error(`the document names another issuer: ${issuer}`);
    const { keys, ambiguousIds: keyIds } = importJwks(
      await source.load(jwksUrl, signal),
      algorithms,
    );
    if (keyIds.length > 0)
      logger.warn(
        { documentUrl: this.discoveryUrl, keyIds },
        'different signing keys with one key id are ignored',
      );
    return { issuer, keys };
  }

  #unavailable(): IdentityProviderUnavailable {
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#cooldownLeftMs / 1000));
    return new IdentityProviderUnavailable({ retryAfterSeconds, cause: this.#failure });
  }
}
