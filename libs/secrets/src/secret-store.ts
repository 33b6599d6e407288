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
   * calls share one read, and calls within the cooldown after it get its result.
   */
  abstract reread(name: string): Promise<Secret>;
}
