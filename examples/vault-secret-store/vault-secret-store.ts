import { z } from 'zod';
import type { Clock } from '#libs/platform';
import {
  Secret,
  SecretAccessRefused,
  SecretNotFound,
  SecretStore,
  SecretUnavailable,
  SecretUnusable,
} from '#libs/secrets';
import type { VaultSettings } from './vault-settings.js';

const TIMEOUT_MS = 3_000;
/** How long the newest version is served from memory. */
const MAX_AGE_MS = 60_000;

/** https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version */
const answerShape = z.object({
  data: z.object({
    data: z.object({ value: z.string() }).nullable(),
    metadata: z.object({
      version: z.number(),
      custom_metadata: z.object({ 'expires-at': z.iso.datetime().optional() }).nullish(),
    }),
  }),
});

/** Secrets in HashiCorp Vault: the member `value` of a secret in a KV version 2 engine. */
export class VaultSecretStore extends SecretStore {
  readonly #newest = new Map<string, { readonly secret: Secret; readonly readAt: number }>();

  constructor(
    private readonly settings: VaultSettings,
    private readonly clock: Clock,
  ) {
    super(clock);
  }

  override async read(name: string): Promise<Secret> {
    const known = this.#newest.get(name);
    const isCurrent = known !== undefined && this.clock.now() < known.readAt + MAX_AGE_MS;
    return isCurrent ? this.#usable(known.secret) : this.reread(name);
  }

  override async readVersion(name: string, version: string): Promise<Secret> {
    return this.#fetch(name, version);
  }

  override async reread(name: string): Promise<Secret> {
    const secret = await this.#fetch(name);
    this.#newest.set(name, { secret, readAt: this.clock.now() });
    this.noteNewest(secret);
    return this.#usable(secret);
  }

  #usable(secret: Secret): Secret {
    const { expiresAt } = secret;
    if (expiresAt && expiresAt.getTime() <= this.clock.now()) {
      throw new SecretUnusable(secret.name, 'expired');
    }
    return secret;
  }

  async #fetch(name: string, version?: string): Promise<Secret> {
    if (version !== undefined && !/^\d{1,9}$/.test(version)) throw new SecretNotFound(name);
    const { address, mount, token } = this.settings;
    const url = new URL(`/v1/${mount}/data/${encodeURIComponent(name)}`, address);
    if (version !== undefined) url.searchParams.set('version', version);
    const response = await fetch(url, {
      headers: { 'x-vault-token': token },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw new SecretUnavailable({ cause });
    });
    if (response.status === 403) throw new SecretAccessRefused(name);
    if (response.status !== 200 && response.status !== 404) throw new SecretUnavailable();
    // A deleted version is a 404 that still has its metadata; a missing one has none.
    const answer = answerShape.safeParse(await response.json().catch(() => undefined));
    if (!answer.success) {
      throw response.status === 404 ? new SecretNotFound(name) : new SecretUnavailable();
    }
    const { data, metadata } = answer.data.data;
    if (data === null) throw new SecretUnusable(name, 'disabled');
    const expiresAt = metadata.custom_metadata?.['expires-at'];
    return new Secret({
      name,
      version: String(metadata.version),
      value: data.value,
      ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }),
    });
  }
}
