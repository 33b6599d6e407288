import type { AbortSignalLike } from './abort.js';
import {
  createIdentityClient,
  type IdentityClientOptions,
  type TokenRequest,
  type TokenResponse,
} from './identity-client.js';
import { jsonObject } from './problem-error.js';
import { SharedFlight } from './shared-flight.js';

/** More tokens in a minute are of a loop, such as one of a clock that is an hour wrong. */
const MAX_TOKENS_PER_MINUTE = 5;
const MINUTE_MS = 60_000;

export interface CommunicationTokenCredentialOptions extends IdentityClientOptions, TokenRequest {
  /**
   * Whether the SDK renews the token ten minutes before it expires, or with its next use after that.
   * Default: true, except in Node, where a renewal that fails in the background ends the process.
   */
  readonly refreshProactively?: boolean;
}

/** A token with its expiry: `AccessToken` of `@azure/core-auth`. */
export interface AccessToken {
  readonly token: string;
  /** In ms of the epoch. */
  readonly expiresOnTimestamp: number;
}

/** What the constructor of `AzureCommunicationTokenCredential` takes. */
export interface CommunicationTokenRefreshOptions {
  /** Returns a token; with its expiry if the token itself does not show it (SDK 2.5 or later). */
  readonly tokenRefresher: (abortSignal?: AbortSignalLike) => Promise<string | AccessToken>;
  readonly refreshProactively: boolean;
}

/**
 * The options for an `AzureCommunicationTokenCredential` whose tokens the service issues:
 * `new AzureCommunicationTokenCredential(communicationTokenCredential({ … }))`.
 *
 * @throws TypeError, RangeError when an option is missing or wrong
 */
export function communicationTokenCredential({
  scopes,
  expiresInMinutes,
  refreshProactively = !isNode(),
  ...options
}: CommunicationTokenCredentialOptions): CommunicationTokenRefreshOptions {
  const client = createIdentityClient(options);
  const request = tokenRequest({ scopes, expiresInMinutes });
  const issued: number[] = [];
  const flight = new SharedFlight(async (signal) => {
    limitRate(issued);
    const response = await client.issueToken(request, { signal });
    issued.push(performance.now());
    return forSdk(response);
  });
  return { tokenRefresher: async (signal) => flight.join(signal), refreshProactively };
}

/** @throws TypeError, RangeError */
function tokenRequest(request: {
  readonly scopes: readonly string[] | undefined;
  readonly expiresInMinutes: number | undefined;
}): TokenRequest {
  const { scopes, expiresInMinutes } = request;
  if (scopes !== undefined && !isScopeList(scopes)) {
    throw new TypeError(
      "scopes must be a list of ACS scopes, such as ['chat', 'voip'], or absent.",
    );
  }
  if (
    expiresInMinutes !== undefined &&
    !(Number.isInteger(expiresInMinutes) && expiresInMinutes >= 60 && expiresInMinutes <= 1440)
  ) {
    throw new RangeError('expiresInMinutes must be an integer from 60 to 1440, or absent.');
  }
  return {
    ...(scopes && { scopes: [...scopes] }),
    ...(expiresInMinutes && { expiresInMinutes }),
  };
}

function isScopeList(scopes: unknown): boolean {
  const isScope = (scope: unknown): boolean =>
    typeof scope === 'string' && /^[a-z][a-z.]{0,63}$/.test(scope);
  return Array.isArray(scopes) && scopes.length > 0 && scopes.every(isScope);
}

function limitRate(issued: number[]): void {
  const since = performance.now() - MINUTE_MS;
  while (issued[0] !== undefined && issued[0] < since) issued.shift();
  if (issued.length < MAX_TOKENS_PER_MINUTE) return;
  throw new Error(
    `${issued.length} tokens were issued within a minute, and each one was renewed at once. Is the clock of this device right?`,
  );
}

/** Before 2.5, the SDK takes strings only, and reads the expiry from them. */
function forSdk({ token, expiresOn }: TokenResponse): string | AccessToken {
  return hasReadableExpiry(token) ? token : { token, expiresOnTimestamp: Date.parse(expiresOn) };
}

function hasReadableExpiry(token: string): boolean {
  const payload = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/');
  if (payload === undefined) return false;
  try {
    const claims = jsonObject(atob(payload));
    return claims !== undefined && 'exp' in claims && typeof claims.exp === 'number';
  } catch {
    return false;
  }
}

function isNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}
