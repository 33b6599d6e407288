import { type KeyVaultSecret, SecretClient } from '@azure/keyvault-secrets';
import { SpanKind } from '@opentelemetry/api';
import { isRestError } from '@azure/core-rest-pipeline';
import { Histogram, type Registry } from 'prom-client';
import { z } from 'zod';
import { type Clock, type OutboundHttp, traced } from '#libs/platform';
import type { AzureCredential } from '../azure-credential/azure-credential.js';
import { AzureFault } from '../azure-credential/azure-fault.js';
import { AzureHttpClient, OWN_PROXY_RULES } from '../azure-http/azure-http-client.js';
import {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from '../errors.js';
import { Secret } from '../secret.js';
import type { KeyVaultSettings } from './settings.js';

/** Microsoft's advice for throttled clients: https://learn.microsoft.com/azure/key-vault/general/overview-throttling */
const BACK_OFF_MS = [1000, 2000, 4000, 8000, 16_000];

/** By the semantic conventions of OpenTelemetry. A first read signs in at Entra as well. */
const READ_SPAN = [
  'GET /secrets/{name}',
  {
    kind: SpanKind.CLIENT,
    attributes: {
      'http.request.method': 'GET',
      'url.template': '/secrets/{name}',
      'peer.service': 'key-vault',
    },
  },
] as const;

/** The names that Key Vault allows. Any other text could change the path of the request. */
const SECRET_NAME = /^[0-9a-zA-Z-]{1,127}$/;

/** Reads secrets from Azure Key Vault, without a cache. */
export class KeyVaultReader {
  readonly #client: SecretClient;
  readonly #durations: Histogram<'operation' | 'outcome'>;

  constructor(
    private readonly settings: KeyVaultSettings,
    credential: AzureCredential,
    outbound: OutboundHttp,
    private readonly clock: Clock,
    registry: Registry,
  ) {
    this.#client = new SecretClient(settings.vaultUrl, credential, {
      ...OWN_PROXY_RULES,
      httpClient: new AzureHttpClient(outbound, settings.timeoutMs),
      disableChallengeResourceVerification: !settings.verifyChallengeResource,
      retryOptions: { maxRetries: 0 },
    });
    this.#durations = new Histogram({
      name: 'secret_store_request_duration_seconds',
      help: 'Duration of one read that the cache did not serve',
      labelNames: ['operation', 'outcome'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers: [registry],
    });
  }

  /**
   * Reads one secret. Repeats the request while the vault throttles and the deadline allows.
   *
   * @param version default: the newest, which must be valid now
   * @param deadlineMs for all requests together; each request ends after `timeoutMs`
   */
  async get(name: string, version: string | undefined, deadlineMs: number): Promise<Secret> {
    if (!SECRET_NAME.test(name)) throw new SecretNotFound(name);
    const endsAt = this.clock.monotonicNow() + deadlineMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await traced(...READ_SPAN, async () =>
          this.#request(name, version, endsAt - this.clock.monotonicNow()),
        );
      } catch (error) {
        const pauseMs = BACK_OFF_MS[attempt];
        const isThrottled = error instanceof AzureFault && error.status === 429;
        const mayWait = pauseMs !== undefined && this.clock.monotonicNow() + pauseMs < endsAt;
        if (!isThrottled || !mayWait) throw refusal(name, version, error);
        await this.clock.sleep(pauseMs);
      }
    }
  }

  async #request(name: string, version: string | undefined, remainingMs: number): Promise<Secret> {
    const abortSignal = AbortSignal.timeout(
      Math.max(1, Math.ceil(Math.min(remainingMs, this.settings.timeoutMs))),
    );
    const stop = this.#durations.startTimer({ operation: version ? 'readVersion' : 'read' });
    try {
      const options = { abortSignal, ...(version !== undefined && { version }) };
      // The sign-in inside the call may ignore the signal.
      const found = await Promise.race([
        this.#client.getSecret(name, options),
        rejectionOf(abortSignal),
      ]);
      stop({ outcome: 'success' });
      return this.#checked(name, version, found);
    } catch (error) {
      if (error instanceof SecretUnusable || error instanceof SecretUnavailable) throw error;
      const isFromVault = isVaultError(error, version === undefined ? name : `${name}/${version}`);
      const fault = isFromVault ? new VaultFault(error) : new AzureFault(error, this.#host);
      stop({ outcome: fault.status === undefined ? 'no answer' : `status ${fault.status}` });
      throw fault;
    }
  }

  /** Validates the response, which is untrusted input: it must be of the requested secret and version. */
  #checked(name: string, version: string | undefined, found: KeyVaultSecret): Secret {
    const { value, properties } = found;
    const { version: foundVersion } = properties;
    const isRequested =
      found.name.toLowerCase() === name.toLowerCase() &&
      (version === undefined || foundVersion === version);
    if (!isRequested || typeof value !== 'string' || typeof foundVersion !== 'string') {
      throw new SecretUnavailable({ cause: new Error('the response of the vault is malformed') });
    }
    if (properties.enabled === false) throw new SecretUnusable(name, 'disabled');
    if (value === '') throw new SecretUnusable(name, 'empty');
    if (version === undefined && properties.notBefore && this.#isInFuture(properties.notBefore)) {
      throw new SecretUnusable(name, 'not valid yet');
    }
    return new Secret({
      name,
      version: foundVersion,
      value,
      ...(properties.expiresOn && { expiresAt: properties.expiresOn }),
    });
  }

  get #host(): string {
    return new URL(this.settings.vaultUrl).host;
  }

  #isInFuture(instant: Date): boolean {
    return instant.getTime() > this.clock.now();
  }
}

/** An error that is certainly Key Vault's own, and about the requested secret. */
class VaultFault extends AzureFault {}

/** Headers of which every response of Key Vault has one. */
const VAULT_HEADERS = ['x-ms-keyvault-service-version', 'x-ms-keyvault-region', 'x-ms-request-id'];

/** @param secret name, or name/version */
function isVaultError(error: unknown, secret: string): boolean {
  if (!isRestError(error) || error.response === undefined) return false;
  const { headers } = error.response;
  if (!VAULT_HEADERS.some((name) => (headers.get(name) ?? '') !== '')) return false;
  if (!/^application\/json\s*(?:;|$)/i.test(headers.get('content-type') ?? '')) return false;
  const { data } = vaultError.safeParse(error.details);
  if (data === undefined) return false;
  const named = /\(name\/id\) (\S+)/.exec(data.error.message ?? '')?.[1];
  return named === undefined || named.toLowerCase() === secret.toLowerCase();
}

const vaultError = z.object({
  error: z.object({ code: z.string().min(1), message: z.string().nullish() }),
});

function refusal(name: string, version: string | undefined, error: unknown): unknown {
  if (!(error instanceof AzureFault)) return error;
  const isFromVault = error instanceof VaultFault;
  const cause = error;
  const { status, code, innerCode } = cause;
  const full = version === undefined ? name : `${name}/${version}`;
  // Only Key Vault's own error says something about the secret. A proxy's or a sign-in page's must not
  // drop a secret that is cached.
  if (isFromVault && status === 403 && innerCode === 'SecretDisabled') {
    return new SecretUnusable(name, 'disabled', { cause });
  }
  if (isFromVault && status === 404 && code === 'SecretNotFound') {
    return new SecretNotFound(full, { cause });
  }
  if (isFromVault && (status === 401 || status === 403)) {
    return new SecretAccessRefused(name, { cause });
  }
  const { retryAfterSeconds } = cause;
  return new SecretUnavailable({
    cause,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds: Math.max(1, retryAfterSeconds) }),
  });
}

async function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}
