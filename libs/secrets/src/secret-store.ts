import type { Secret } from './secret.js';

/**
 * Where credentials and keys are kept.
 *
 * Every method rejects with `SecretUnavailable` when the store can't be asked, with `SecretNotFound`
 * when it has no such secret, with `SecretUnusable` when the secret is disabled or expired, and with
 * `SecretAccessRefused` when this service may not read it. All of them are faults of the operator or
 * of an outage, never of a caller.
 */
export abstract class SecretStore {
  /**
   * The newest version, as it was known a moment ago: from memory, refreshed in the background. The
   * last one known is served through an outage for a bounded time.
   */
  abstract read(name: string): Promise<Secret>;

  /**
   * One version, for what was made with it. Expired versions are given too: what they once signed or
   * sealed must stay readable.
   */
  abstract readVersion(name: string, version: string): Promise<Secret>;

  /**
   * The newest version, past the memory: for when a credential has stopped working. Callers at the
   * same time share one question, and within the cooldown after it its answer is given again.
   */
  abstract reread(name: string): Promise<Secret>;
}
