import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { type Clock, type Logger, ServiceError } from '#libs/platform';
import type { Secret } from './secret.js';
import { SecretNotFound, SecretUnusable } from './secret-errors.js';
import type { SecretReads } from './secret-reads.js';
import { SecretStore } from './secret-store.js';
import type { SecretsSettings } from './secrets-settings.js';

/** What is known of one secret, or of one version of it. */
interface Entry {
  readonly name: string;
  readonly version: string | undefined;
  secret?: Secret;
  /** The version that was read last, also when it was dropped since. */
  lastVersion?: string;
  readAt: number;
  reading?: Promise<Secret>;
  /** The last failure stands for a moment, so that an outage is not met with a flood of questions. */
  failure?: { readonly error: unknown; readonly until: number };
  rereadAt?: number;
}

type Timing = Pick<SecretsSettings, 'timeoutMs' | 'refreshMs' | 'outageMs' | 'rereadCooldownMs'>;

/** A failure is given again for this long. */
const FAILURE_MS = 1000;
/** Pauses of the background refresh after a failure, as Key Vault advises; the last one repeats. */
const BACK_OFF_MS = [1000, 2000, 4000, 8000, 16_000];

/**
 * Secrets of an Azure Key Vault, kept in memory.
 *
 * A new version is noticed within the refresh interval. A secret that the vault says is disabled or
 * gone is dropped at once; one that can't be asked for is used until it is as old as the outage bound.
 */
export class KeyVaultSecretStore
  extends SecretStore
  implements OnApplicationBootstrap, OnModuleDestroy
{
  readonly #entries = new Map<string, Entry>();
  readonly #stop = new AbortController();

  /** @param vault reads from the vault itself */
  constructor(
    private readonly vault: {
      get(name: string, version: string | undefined, deadlineMs: number): Promise<Secret>;
    },
    private readonly timing: Timing,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly reads: SecretReads,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    void this.#refreshForever();
  }

  onModuleDestroy(): void {
    this.#stop.abort(new Error('the secret store is closed'));
  }

  async read(name: string): Promise<Secret> {
    return this.#notExpired(await this.#known(this.#entry(name)));
  }

  async readVersion(name: string, version: string): Promise<Secret> {
    return this.#known(this.#entry(name, version));
  }

  async reread(name: string): Promise<Secret> {
    const entry = this.#entry(name);
    const now = this.clock.now();
    const isCool =
      entry.rereadAt === undefined || now - entry.rereadAt >= this.timing.rereadCooldownMs;
    if (!isCool) return this.#notExpired(await (entry.reading ?? this.#known(entry)));
    entry.rereadAt = now;
    this.logger.info({ secret: name }, 'reading a secret again');
    return this.#notExpired(await this.#load(entry));
  }

  #entry(name: string, version?: string): Entry {
    const key = version === undefined ? name : `${name}/${version}`;
    const entry = this.#entries.get(key) ?? { name, version, readAt: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  async #known(entry: Entry): Promise<Secret> {
    const now = this.clock.now();
    if (entry.secret && now - entry.readAt < this.timing.outageMs) return entry.secret;
    if (entry.failure && now < entry.failure.until) throw entry.failure.error;
    return this.#load(entry);
  }

  /** Asks the vault, once for all who want the same at the same time. */
  async #load(entry: Entry): Promise<Secret> {
    entry.reading ??= this.#ask(entry).finally(() => {
      delete entry.reading;
    });
    return entry.reading;
  }

  async #ask(entry: Entry): Promise<Secret> {
    try {
      const secret = await this.vault.get(entry.name, entry.version, this.timing.timeoutMs);
      this.#tell(entry, secret);
      this.#remember(entry, secret);
      if (entry.version === undefined)
        this.#remember(this.#entry(entry.name, secret.version), secret);
      return secret;
    } catch (error) {
      entry.failure = { error, until: this.clock.now() + FAILURE_MS };
      this.#tellFailure(entry, error);
      const isFinal = error instanceof SecretNotFound || error instanceof SecretUnusable;
      if (isFinal) delete entry.secret;
      const fields = { secret: entry.name, version: entry.version, error };
      if (isFinal) this.logger.error(fields, 'a secret can not be used');
      if (!isFinal) this.logger.warn(fields, 'a secret could not be read');
      throw error;
    }
  }

  #remember(entry: Entry, secret: Secret): void {
    if (entry.version === undefined && entry.lastVersion !== secret.version) {
      const { name, version, expiresAt } = secret;
      this.logger.info({ secret: name, version, expiresAt }, 'a secret was read');
    }
    entry.secret = secret;
    entry.lastVersion = secret.version;
    entry.readAt = this.clock.now();
    delete entry.failure;
  }

  #tell({ name, lastVersion: replaces }: Entry, { version }: Secret): void {
    const isNew = replaces !== undefined && replaces !== version;
    this.reads.tell({ name, version, ...(isNew && { replaces }) });
  }

  #tellFailure({ name, version }: Entry, error: unknown): void {
    const refusal = error instanceof ServiceError ? error.code : 'unknown';
    this.reads.tell({ name, ...(version !== undefined && { version }), refusal });
  }

  #notExpired(secret: Secret): Secret {
    if (secret.expiresAt && secret.expiresAt.getTime() <= this.clock.now()) {
      throw new SecretUnusable(secret.name, 'expired');
    }
    return secret;
  }

  async #refreshForever(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; ;) {
      const pauseMs = BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length) - 1];
      await this.clock
        .sleep(Math.min(pauseMs ?? Infinity, this.timing.refreshMs), signal)
        .catch(() => undefined);
      if (signal.aborted) return;
      const newest = [...this.#entries.values()].filter(({ version }) => version === undefined);
      const results = await Promise.allSettled(newest.map(async (entry) => this.#load(entry)));
      // What fails is logged where it fails, and its last value stays.
      failures = results.some(({ status }) => status === 'rejected') ? failures + 1 : 0;
    }
  }
}
