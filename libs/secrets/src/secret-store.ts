import type { Secret } from './secret.js';

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
   * Parses the newest version. Where that fails, the secret is read again, so that a mended one is
   * used at once and not only after the next refresh.
   *
   * @param parse throws when the value is malformed
   * @throws what `parse` throws for the newest version
   */
  async readParsed<T>(name: string, parse: (secret: Secret) => T): Promise<T> {
    const secret = await this.read(name);
    try {
      return parse(secret);
    } catch (malformed) {
      const newest = await this.reread(name, secret.version).catch(() => secret);
      if (newest.version === secret.version) throw malformed;
      return parse(newest);
    }
  }
}
