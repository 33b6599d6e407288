import type { Clock, Logger } from '#libs/platform';
import { IdentityProviderUnavailable } from '../errors.js';
import type { KeySettings } from '../settings.js';
import { discoveryDocument, importJwks, type SigningKey } from './jwks.js';
import type { MetadataSource } from './metadata-source.js';

/** What an issuer publishes about itself. */
interface Loaded {
  readonly issuer: string;
  readonly keys: ReadonlyMap<string, SigningKey>;
  /** When it was asked for. */
  readonly loadedAt: number;
}

/** A key and whose it is. */
export interface IssuerKey {
  readonly issuer: string;
  readonly key: SigningKey;
}

/** What loading keys depends on. */
export interface JwksCacheDependencies {
  readonly source: MetadataSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: KeySettings;
}

/** More requests than this don't wait for one key; they are told to come again. */
const MOST_WAITING = 1_000;

/**
 * The keys of one issuer: loaded once for all who ask, anew in the background, and anew for an
 * unknown key id. Two attempts never start
 * closer together than the cooldown. Keys that can't be
 * loaded anew are used on until they are too old.
 */
export class JwksCache {
  #loaded: Loaded | undefined;
  #loading: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #attemptedAt = -Infinity;
  #waiting = 0;

  /**
   * @param documentUrl the issuer's discovery document
   * @param isExpectedIssuer whether the document may say this of itself
   */
  constructor(
    private readonly documentUrl: string,
    private readonly isExpectedIssuer: (issuer: string) => boolean,
    private readonly surroundings: JwksCacheDependencies,
  ) {}

  /** Whether a token could be verified now, without asking the issuer. */
  get areUsable(): boolean {
    return this.#usable() !== undefined;
  }

  /** The key with an id, as far as that can be told without asking the issuer. */
  known(keyId: string): IssuerKey | undefined {
    const usable = this.#usable();
    const key = usable?.keys.get(keyId);
    return usable && key && { issuer: usable.issuer, key };
  }

  /**
   * The issuer's own name.
   *
   * @throws IdentityProviderUnavailable
   */
  async issuer(): Promise<string> {
    return (this.#usable() ?? (await this.#loadNow())).issuer;
  }

  /**
   * The key with an id. An id that isn't known is looked for in keys that were asked for after the
   * call, which may mean to wait for the cooldown to end: a key that came into use this instant is
   * found.
   *
   * @returns `undefined` when the issuer has no such key
   * @throws IdentityProviderUnavailable when that can't be told
   */
  async find(keyId: string): Promise<SigningKey | undefined> {
    const known = this.#usable()?.keys.get(keyId);
    if (known !== undefined) return known;
    const askedAt = this.surroundings.clock.now();
    let loaded = this.#usable() ?? (await this.#loadNow());
    while (!loaded.keys.has(keyId) && loaded.loadedAt <= askedAt)
      loaded = await this.#loadAfterCooldown();
    return loaded.keys.get(keyId);
  }

  /** Loads the keys now and from time to time, until the signal aborts. Never rejects. */
  async keepFresh(signal: AbortSignal): Promise<void> {
    const { refreshMs, cooldownMs } = this.surroundings.settings;
    while (!signal.aborted) {
      await this.#loadNext();
      const pauseMs = this.#isFresh() ? refreshMs : Math.min(refreshMs, cooldownMs * 6);
      await this.surroundings.clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** Whether the last attempt gave what is used now. */
  #isFresh(): boolean {
    return this.#loaded !== undefined && this.#loaded.loadedAt >= this.#attemptedAt;
  }

  #usable(): Loaded | undefined {
    if (this.#loaded === undefined) return undefined;
    const ageMs = this.surroundings.clock.now() - this.#loaded.loadedAt;
    return ageMs <= this.surroundings.settings.maxAgeMs ? this.#loaded : undefined;
  }

  get #cooldownLeftMs(): number {
    return Math.max(
      0,
      this.#attemptedAt + this.surroundings.settings.cooldownMs - this.surroundings.clock.now(),
    );
  }

  async #loadNow(): Promise<Loaded> {
    if (this.#loading === undefined && this.#cooldownLeftMs > 0) throw this.#unavailable();
    await this.#load();
    const usable = this.#usable();
    if (usable === undefined) throw this.#unavailable();
    return usable;
  }

  async #loadAfterCooldown(): Promise<Loaded> {
    // The issuer did not answer a moment ago: it is not asked again on this caller's behalf.
    if (this.#loading === undefined && this.#cooldownLeftMs > 0 && !this.#isFresh())
      throw this.#unavailable();
    if (this.#waiting >= MOST_WAITING) throw this.#unavailable();
    this.#waiting += 1;
    try {
      await this.#loadNext();
    } finally {
      this.#waiting -= 1;
    }
    if (this.#loaded === undefined || !this.#isFresh()) throw this.#unavailable();
    return this.#loaded;
  }

  /** The next attempt that the cooldown allows; the same one for all who wait. Never rejects. */
  async #loadNext(): Promise<void> {
    this.#next ??= this.#waitAndLoad().finally(() => {
      this.#next = undefined;
    });
    return this.#next;
  }

  async #waitAndLoad(): Promise<void> {
    await this.#loading;
    await this.surroundings.clock.sleep(this.#cooldownLeftMs);
    await this.#load();
  }

  /** Joins the attempt that is under way, or starts one. Never rejects. */
  async #load(): Promise<void> {
    this.#loading ??= this.#attempt().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #attempt(): Promise<void> {
    const loadedAt = this.surroundings.clock.now();
    this.#attemptedAt = loadedAt;
    const { documentUrl } = this;
    try {
      this.#loaded = { ...(await this.#fetch()), loadedAt };
      const keyCount = this.#loaded.keys.size;
      this.surroundings.logger.debug({ documentUrl, keyCount }, 'signing keys loaded');
    } catch (error) {
      const problem = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';
      this.surroundings.logger.warn({ documentUrl, problem }, 'signing keys could not be loaded');
    }
  }

  async #fetch(): Promise<Omit<Loaded, 'loadedAt'>> {
    const signal = AbortSignal.timeout(this.surroundings.settings.timeoutMs);
    const document = discoveryDocument.parse(
      await this.surroundings.source.load(this.documentUrl, signal),
    );
    if (!this.isExpectedIssuer(document.issuer))
      throw new Error('the document names another issuer');
    const keys = importJwks(await this.surroundings.source.load(document.jwks_uri, signal));
    return { issuer: document.issuer, keys };
  }

  #unavailable(): IdentityProviderUnavailable {
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#cooldownLeftMs / 1000));
    return new IdentityProviderUnavailable({ retryAfterSeconds });
  }
}
