import { type Clock, SystemClock } from '#libs/platform';
import type { Secret } from './secret.js';
import { type SecretInUse, VersionTrials } from './version-trials.js';

/**
 * Credentials and keys, by name and version.
 *
 * Every method throws
 * - `SecretUnavailable` when the store gives no usable answer;
 * - `SecretNotFound` when it has no such secret or version;
 * - `SecretUnusable` when the secret is disabled, expired or empty;
 * - `SecretAccessRefused` when this service may not read it.
 *
 * None of them is the caller's fault: each needs the operator or the end of an outage.
 */
export abstract class SecretStore {
  readonly #trials: VersionTrials;
  #onRejected: (use: SecretInUse) => void = () => undefined;

  constructor(clock: Clock = new SystemClock()) {
    this.#trials = new VersionTrials(clock);
  }

  /**
   * The newest version. May come from a cache that is refreshed in the background; the cached version
   * is used for a limited time during an outage.
   */
  abstract read(name: string): Promise<Secret>;

  /**
   * One version, also an expired one, so that everything it signed or encrypted can still be verified
   * or decrypted.
   */
  abstract readVersion(name: string, version: string): Promise<Secret>;

  /**
   * The newest version from the store itself, for a credential that has stopped working. Concurrent
   * calls share one read, and calls soon after it get its result.
   *
   * @param refusedVersion the version that has stopped working; when a newer one is known already,
   *   that is returned without a read
   */
  abstract reread(name: string, refusedVersion?: string): Promise<Secret>;

  /**
   * The version to use: the newest, or while that is known not to work, the last one that worked.
   */
  async current(name: string): Promise<Secret> {
    return this.#trials.choose(await this.read(name));
  }

  /** Remembers that the version works, so that it stays in use when a later one does not. */
  accept(secret: Secret): void {
    this.#trials.accept(secret);
  }

  /**
   * Another version in place of one that does not work: the newest of the store, or the last one that
   * worked.
   *
   * @param reason for operators; without the value
   * @returns `undefined` when there is none
   */
  async insteadOf(name: string, version: string, reason: string): Promise<Secret | undefined> {
    const previous = this.#trials.reject(name, version, reason);
    const newest = await this.reread(name, version).catch((error: unknown) => {
      if (previous) return previous;
      throw error;
    });
    const other = this.#trials.choose(newest);
    if (other.version === version) return undefined;
    if (other === previous) {
      this.#onRejected({ name, version: other.version, rejected: { version, reason } });
    }
    return other;
  }

  /**
   * Parses the current version and accepts it. A malformed one is read again, so that a mended one is
   * used at once; where that is malformed as well, the last one that worked stays in use.
   *
   * @param parse throws when the value is malformed
   * @throws what `parse` throws when no version can be parsed
   */
  async readParsed<T>(name: string, parse: (secret: Secret) => T): Promise<T> {
    const secret = await this.current(name);
    const parseAccepted = (given: Secret): T => {
      const parsed = parse(given);
      this.accept(given);
      return parsed;
    };
    try {
      return parseAccepted(secret);
    } catch (malformed) {
      const reason = malformed instanceof Error ? malformed.name : 'malformed';
      const other = await this.insteadOf(name, secret.version, reason).catch(() => undefined);
      if (!other) throw malformed;
      return parseAccepted(other);
    }
  }

  /** The secrets that this process uses, with their versions. */
  inUse(): readonly SecretInUse[] {
    return this.#trials.inUse();
  }

  /** For adapters: the newest version is another one than before, even before anybody reads it. */
  protected noteNewest(secret: Secret): void {
    this.#trials.observe(secret);
  }

  /** For adapters. @param reason why no newer version can be given out; absent: the newest can */
  protected noteUnusable(name: string, reason: string | undefined): void {
    this.#trials.note(name, reason);
  }

  /** @param listener is called when a version does not work and an earlier one stays in use */
  onRejected(listener: (use: SecretInUse) => void): void {
    this.#onRejected = listener;
  }
}
