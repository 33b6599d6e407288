import { Clock } from '#libs/platform';
import { Secret } from '../secret.js';
import {
  SecretNotFound,
  SecretUnusable,
  type SecretAccessRefused,
  type SecretUnavailable,
} from '../errors.js';
import { SecretStore } from '../secret-store.js';

interface StoredVersion {
  readonly secret: Secret;
  isEnabled: boolean;
}

/** Secrets in memory, for tests. */
export class MemorySecretStore extends SecretStore {
  readonly #versions = new Map<string, StoredVersion[]>();
  #fault: SecretUnavailable | SecretAccessRefused | undefined;
  #count = 0;

  /** @param initial the first version's value of each secret, by name */
  constructor(
    private readonly clock: Clock,
    initial: Readonly<Record<string, string>> = {},
  ) {
    super(clock);
    for (const [name, value] of Object.entries(initial)) this.put(name, value);
  }

  /** Adds a version, which becomes the newest. @returns the version */
  put(
    name: string,
    value: string,
    options: { expiresAt?: Date; isEnabled?: boolean } = {},
  ): string {
    const version = (++this.#count).toString(16).padStart(32, '0');
    const { isEnabled = true, expiresAt } = options;
    const secret = new Secret({ name, version, value, ...(expiresAt && { expiresAt }) });
    this.#versions.set(name, [...(this.#versions.get(name) ?? []), { secret, isEnabled }]);
    return version;
  }

  disable(name: string, version: string): void {
    const stored = this.#versions.get(name)?.find(({ secret }) => secret.version === version);
    if (stored) stored.isEnabled = false;
  }

  remove(name: string): void {
    this.#versions.delete(name);
  }

  /** Makes every read fail until it is called with `undefined`. */
  failWith(fault: SecretUnavailable | SecretAccessRefused | undefined): void {
    this.#fault = fault;
  }

  async read(name: string): Promise<Secret> {
    const stored = this.#find(name, (versions) => versions.at(-1));
    const { secret } = stored;
    if (secret.expiresAt && secret.expiresAt.getTime() <= this.clock.now()) {
      throw new SecretUnusable(name, 'expired');
    }
    return Promise.resolve(secret);
  }

  async readVersion(name: string, version: string): Promise<Secret> {
    const stored = this.#find(name, (versions) =>
      versions.find(({ secret }) => secret.version === version),
    );
    return Promise.resolve(stored.secret);
  }

  async reread(name: string): Promise<Secret> {
    const secret = await this.read(name);
    this.noteNewest(secret);
    return secret;
  }

  #find(
    name: string,
    choose: (versions: readonly StoredVersion[]) => StoredVersion | undefined,
  ): StoredVersion {
    if (this.#fault) throw this.#fault;
    const stored = choose(this.#versions.get(name) ?? []);
    if (!stored) throw new SecretNotFound(name);
    if (!stored.isEnabled) throw new SecretUnusable(name, 'disabled');
    return stored;
  }
}
