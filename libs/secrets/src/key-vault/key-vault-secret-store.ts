import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { type Clock, type Logger, PeriodicTask, ServiceError } from '#libs/platform';
import { SecretNotFound, SecretUnusable } from '../errors.js';
import type { SecretAccessEvents } from '../secret-access-events.js';
import { SecretStore } from '../secret-store.js';
import type { Secret } from '../secret.js';
import type { KeyVaultSettings } from './settings.js';

/** The cached state of the newest version of a secret, or of one version. */
interface Entry {
  readonly name: string;
  readonly version: string | undefined;
  secret?: Secret;
  /** The version that was read last. Stays when `secret` is dropped. */
  lastVersion?: string;
  readAt: number;
  reading?: Promise<Secret>;
  /** The last failure, reused until `until`, so that an outage does not cause a flood of requests. */
  failure?: { readonly error: unknown; readonly until: number };
  /** Reads past the cache: when the last one was, and how many in a row found nothing new. */
  rereadAt: number;
  fruitlessRereads: number;
}

type Timing = Pick<KeyVaultSettings, 'timeoutMs' | 'refreshMs' | 'outageMs' | 'rereadCooldownMs'>;

const NEWEST_UNUSABLE =
  'the newest version of a secret can not be used: the one before stays in use';
/** How long a failure is reused. */
const FAILURE_MS = 1000;
/** Of the interval within which a new version must be in use; the rest is for the read. */
const REFRESH_SHARE = 0.75;
/** Shortest pause between two reads past the cache. It doubles, up to the cooldown, while they find nothing new. */
const MIN_REREAD_PAUSE_MS = 100;
/** Pauses of the background refresh after failures, as Key Vault advises. The last one repeats. */
const BACK_OFF_MS = [1000, 2000, 4000, 8000, 16_000];

/**
 * Secrets of an Azure Key Vault, cached in memory.
 *
 * A new version is found within the refresh interval. A secret that is disabled or missing is dropped
 * at once. While the vault is unavailable, a cached secret is used for at most `outageMs`.
 */
export class KeyVaultSecretStore
  extends SecretStore
  implements OnApplicationBootstrap, OnModuleDestroy
{
  readonly #entries = new Map<string, Entry>();
  readonly #refresh: PeriodicTask;
  /** Failed refreshes in a row. */
  #failureCount = 0;

  /** @param vault reads without a cache */
  constructor(
    private readonly vault: {
      get(name: string, version: string | undefined, deadlineMs: number): Promise<Secret>;
    },
    private readonly timing: Timing,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly events: SecretAccessEvents,
  ) {
    super(clock);
    this.#refresh = new PeriodicTask({
      name: 'secret refresh',
      run: async () => this.#refreshAll(),
      intervalMs: () => this.#refreshPauseMs,
      clock,
      logger,
    });
  }

  onApplicationBootstrap(): void {
    this.#refresh.start();
  }

  onModuleDestroy(): void {
    void this.#refresh.stop();
  }

  async read(name: string): Promise<Secret> {
    const secret = await this.#cachedOrLoaded(this.#entry(name));
    // Its owner has probably replaced it before it expired.
    return this.#isExpired(secret) ? this.reread(name, secret.version) : secret;
  }

  async readVersion(name: string, version: string): Promise<Secret> {
    return this.#cachedOrLoaded(this.#entry(name, version));
  }

  async reread(name: string, refusedVersion?: string): Promise<Secret> {
    const entry = this.#entry(name);
    const known = entry.secret?.version;
    const isSuperseded = refusedVersion !== undefined && known !== refusedVersion;
    if (entry.reading || (known !== undefined && isSuperseded) || this.#isCoolingDown(entry)) {
      return this.#notExpired(await (entry.reading ?? this.#cachedOrLoaded(entry)));
    }
    entry.rereadAt = this.clock.monotonicNow();
    this.logger.info({ secret: name }, 'reading a secret again');
    const before = entry.lastVersion;
    try {
      return this.#notExpired(await this.#load(entry));
    } finally {
      entry.fruitlessRereads = entry.lastVersion === before ? entry.fruitlessRereads + 1 : 0;
    }
  }

  /**
   * A new version is found soon after it was stored, also when the secret was just read again for
   * another reason; a credential that stays wrong costs one read per cooldown.
   */
  #isCoolingDown(entry: Entry): boolean {
    const { rereadCooldownMs } = this.timing;
    const sinceMs = this.clock.monotonicNow() - entry.rereadAt;
    if (sinceMs >= 2 * rereadCooldownMs) entry.fruitlessRereads = 0;
    const pauseMs = MIN_REREAD_PAUSE_MS * 2 ** Math.max(0, entry.fruitlessRereads - 1);
    return sinceMs < Math.min(rereadCooldownMs, pauseMs);
  }

  #entry(name: string, version?: string): Entry {
    const key = version === undefined ? name : `${name}/${version}`;
    const entry = this.#entries.get(key) ?? {
      ...{ name, version, readAt: -Infinity },
      ...{ rereadAt: -Infinity, fruitlessRereads: 0 },
    };
    this.#entries.set(key, entry);
    return entry;
  }

  async #cachedOrLoaded(entry: Entry): Promise<Secret> {
    const now = this.clock.monotonicNow();
    if (entry.secret && now - entry.readAt < this.timing.outageMs) return entry.secret;
    if (entry.failure && now < entry.failure.until) throw entry.failure.error;
    return this.#load(entry);
  }

  /** Reads from the vault, once for concurrent calls. */
  async #load(entry: Entry): Promise<Secret> {
    entry.reading ??= this.#read(entry).finally(() => {
      delete entry.reading;
    });
    return entry.reading;
  }

  async #read(entry: Entry): Promise<Secret> {
    try {
      const secret = await this.vault.get(entry.name, entry.version, this.timing.timeoutMs);
      const replacesUnexpired = entry.secret && !this.#isExpired(entry.secret);
      if (replacesUnexpired && this.#isExpired(secret))
        throw new SecretUnusable(entry.name, 'expired');
      this.#emitAccess(entry, secret);
      this.#store(entry, secret);
      if (entry.version === undefined) this.#store(this.#entry(entry.name, secret.version), secret);
      return secret;
    } catch (error) {
      entry.failure = { error, until: this.clock.monotonicNow() + FAILURE_MS };
      this.#emitRefusal(entry, error);
      if (error instanceof SecretUnusable) {
        const held = await this.#heldVersion(entry);
        if (held) return this.#keep(entry, held, error);
      }
      const isFinal = error instanceof SecretNotFound || error instanceof SecretUnusable;
      if (isFinal) delete entry.secret;
      const fields = { secret: entry.name, version: entry.version, error };
      if (isFinal) this.logger.error(fields, 'a secret can not be used');
      if (!isFinal) this.logger.warn(fields, 'a secret could not be read');
      throw error;
    }
  }

  /**
   * The cached version, when the vault still gives it out by its name: then only a newer one is disabled,
   * expired, empty or not valid yet, and replaces nothing.
   */
  async #heldVersion({ name, version, secret: held }: Entry): Promise<Secret | undefined> {
    if (version !== undefined || held === undefined || this.#isExpired(held)) return undefined;
    const entry = this.#entry(name, held.version);
    delete entry.reading; // it is read anew: a cached one may have been disabled since
    return this.#load(entry).catch(() => undefined);
  }

  #keep(entry: Entry, held: Secret, unusable: SecretUnusable): Secret {
    const { name: secret, version } = held;
    this.logger.error({ secret, version, error: unusable }, NEWEST_UNUSABLE);
    this.noteUnusable(secret, unusable.why);
    entry.readAt = this.clock.monotonicNow();
    return held;
  }

  #store(entry: Entry, secret: Secret): void {
    if (entry.version === undefined && entry.lastVersion !== secret.version) {
      const { name, version, expiresAt } = secret;
      this.logger.info({ secret: name, version, expiresAt }, 'a secret was read');
    }
    if (entry.version === undefined) {
      this.noteUnusable(entry.name, undefined);
      this.noteNewest(secret);
    }
    entry.secret = secret;
    entry.lastVersion = secret.version;
    entry.readAt = this.clock.monotonicNow();
    delete entry.failure;
  }

  #emitAccess({ name, lastVersion: replaces }: Entry, { version }: Secret): void {
    const isNew = replaces !== undefined && replaces !== version;
    this.events.emit({ name, version, ...(isNew && { replaces }) });
  }

  #emitRefusal({ name, version }: Entry, error: unknown): void {
    const refusal = error instanceof ServiceError ? error.code : 'unknown';
    this.events.emit({ name, ...(version !== undefined && { version }), refusal });
  }

  #notExpired(secret: Secret): Secret {
    if (this.#isExpired(secret)) throw new SecretUnusable(secret.name, 'expired');
    return secret;
  }

  #isExpired({ expiresAt }: Secret): boolean {
    return expiresAt !== undefined && expiresAt.getTime() <= this.clock.now();
  }

  get #refreshPauseMs(): number {
    const backOffMs = BACK_OFF_MS[Math.min(this.#failureCount, BACK_OFF_MS.length) - 1] ?? Infinity;
    const { refreshMs, outageMs } = this.timing;
    // Before the cached secrets reach their age limit too: after it, requests would wait for the vault.
    return Math.min(backOffMs, Math.min(refreshMs, outageMs) * REFRESH_SHARE);
  }

  /** Never rejects: `#read` logs each failure, and the cached values stay. */
  async #refreshAll(): Promise<void> {
    const newest = [...this.#entries.values()].filter(({ version }) => version === undefined);
    const results = await Promise.allSettled(newest.map(async (entry) => this.#load(entry)));
    const hasFailed = results.some(({ status }) => status === 'rejected');
    this.#failureCount = hasFailed ? this.#failureCount + 1 : 0;
  }
}
