import { createSecretKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock, explain, type ReadinessAnswer, ReadinessChecks } from '#libs/platform';
import {
  assertKeyLength,
  type Secret,
  SecretNotFound,
  SecretStore,
  SecretUnusable,
} from '#libs/secrets';
import { visitorSettings, type VisitorSettings } from './settings.js';
import { InvitationStore } from './store/invitation-store.js';

/** How often strangers can make a replica read the versions in use. */
const RELOAD_MS = 10_000;

export interface InvitationKey {
  /** Of its secret. */
  readonly version: string;
  readonly key: KeyObject;
}

/**
 * The keys of invitations, by the versions of their secret. An invitation stays genuine after a rotation,
 * until its version is deleted from the secret store.
 *
 * Strangers name any version: only one that a stored invitation is signed with is read from the store.
 */
@Injectable()
export class InvitationKeys implements OnApplicationBootstrap {
  readonly #keys = new WeakMap<Secret, KeyObject>();
  #inUse: ReadonlySet<string> = new Set();
  #reloadAt = 0;
  #loading: Promise<void> | undefined;

  constructor(
    private readonly secrets: SecretStore,
    private readonly store: InvitationStore,
    private readonly clock: Clock,
    @Inject(visitorSettings.key) private readonly settings: Pick<VisitorSettings, 'keySecret'>,
    private readonly readiness: ReadinessChecks,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.keySecret === undefined) return;
    this.readiness.register('invitations', async () => this.#readiness());
  }

  /**
   * The key that signs new invitations.
   *
   * @throws SecretUnusable also when it is so short that it can be guessed
   */
  async current(): Promise<InvitationKey> {
    const secret = await this.secrets.current(this.#name);
    return { version: secret.version, key: this.#keyOf(secret) };
  }

  /**
   * @throws SecretUnusable when the current key can't be used
   * @returns `undefined` when no invitation that is stored is signed with that version, or the operator has
   *   deleted or disabled it
   */
  async find(version: string): Promise<KeyObject | undefined> {
    const current = await this.current();
    if (current.version === version) return current.key;
    if (!this.#inUse.has(version)) await this.#reload();
    if (!this.#inUse.has(version)) return undefined;
    try {
      return this.#keyOf(await this.secrets.readVersion(this.#name, version));
    } catch (error) {
      if (error instanceof SecretNotFound || error instanceof SecretUnusable) return undefined;
      throw error;
    }
  }

  /** Nothing else depends on the key. */
  async #readiness(): Promise<ReadinessAnswer> {
    try {
      await this.current();
      return { isReady: true };
    } catch (error) {
      return { isReady: true, degradation: explain(error) };
    }
  }

  get #name(): string {
    const { keySecret } = this.settings;
    if (keySecret === undefined) throw new Error('VISITOR_KEY_SECRET is not set');
    return keySecret;
  }

  async #reload(): Promise<void> {
    if (!this.#loading && this.clock.monotonicNow() < this.#reloadAt) return;
    this.#loading ??= this.store
      .keyVersions()
      .then((versions) => {
        this.#inUse = new Set(versions);
      })
      .finally(() => {
        this.#reloadAt = this.clock.monotonicNow() + RELOAD_MS;
        this.#loading = undefined;
      });
    await this.#loading;
  }

  /** To import a key takes longer than the HMAC. */
  #keyOf(secret: Secret): KeyObject {
    const known = this.#keys.get(secret);
    if (known) return known;
    assertKeyLength(secret);
    const key = createSecretKey(secret.value, 'utf8');
    this.#keys.set(secret, key);
    return key;
  }
}
