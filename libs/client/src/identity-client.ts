import type { GetAccessToken } from './access-token.js';
import type { components } from './api.js';
import { type Connection, type OperationRequest, send } from './send.js';

type Schemas = components['schemas'];

/** The scopes and the lifetime of a token; those of the issuance policy by default. */
export type TokenRequest = Schemas['TokenRequest'];
export type TokenResponse = Schemas['TokenResponse'];
export type CallerIdentity = Schemas['CallerIdentity'];
export type RevocationResponse = Schemas['RevocationResponse'];
export type TeamsTokenRequest = Schemas['TeamsTokenRequest'];
export type TeamsTokenResponse = Schemas['TeamsTokenResponse'];

export interface IdentityClientOptions {
  /** The address of the service, such as `https://identity.contoso.com`. */
  readonly baseUrl: string | URL;
  readonly getAccessToken: GetAccessToken;
  /** Default: the global function. */
  readonly fetch?: typeof fetch;
}

/** How to send one request. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** The operations of a caller. Each one throws `ProblemError` or `ConnectionError`. */
export interface IdentityClient {
  /** Issues an ACS token; creates the communication identity of the caller with the first one. */
  issueToken(request?: TokenRequest, options?: CallOptions): Promise<TokenResponse>;
  /** Exchanges an Entra token of a Teams user for an ACS token. */
  issueTeamsToken(request: TeamsTokenRequest, options?: CallOptions): Promise<TeamsTokenResponse>;
  /** The communication identity; 404 `mapping-not-found` before the first token. */
  identity(options?: CallOptions): Promise<CallerIdentity>;
  /** Revokes all ACS tokens of the caller; 404 `mapping-not-found` before the first token. */
  revokeTokens(options?: CallOptions): Promise<RevocationResponse>;
  /** Revokes all ACS tokens of the caller, and succeeds when there are none. */
  signOut(options?: CallOptions): Promise<RevocationResponse>;
}

/** @throws TypeError when an option is missing or wrong */
export function createIdentityClient(options: IdentityClientOptions): IdentityClient {
  const connection = connectionOf(options);
  /** @typeParam T the body of a success by the OpenAPI document; the service checks it in its tests */
  const call = async <T>(request: OperationRequest, options?: CallOptions): Promise<T> =>
    (await send(connection, request, options?.signal)) as T;
  return {
    issueToken: async (body = {}, options) =>
      call({ method: 'POST', path: '/v1/me/tokens', body }, options),
    issueTeamsToken: async (body, options) =>
      call({ method: 'POST', path: '/v1/me/teams-tokens', body }, options),
    identity: async (options) => call({ method: 'GET', path: '/v1/me/identity' }, options),
    revokeTokens: async (options) =>
      call({ method: 'POST', path: '/v1/me/tokens/revoke' }, options),
    signOut: async (options) => call({ method: 'POST', path: '/v1/me/sign-out' }, options),
  };
}

function connectionOf({ baseUrl, getAccessToken, fetch }: IdentityClientOptions): Connection {
  if (typeof getAccessToken !== 'function') {
    throw new TypeError('getAccessToken must be a function that returns an Entra access token.');
  }
  if (fetch !== undefined && typeof fetch !== 'function') {
    throw new TypeError('fetch must be a function like the global one.');
  }
  return {
    baseUrl: addressOf(baseUrl),
    getAccessToken,
    // Looked up with each request: instrumentation may replace it later.
    fetch: fetch ?? (async (...request) => globalThis.fetch(...request)),
  };
}

function addressOf(baseUrl: string | URL): string {
  const text = String(baseUrl);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isAddress =
    url !== undefined &&
    ['http:', 'https:'].includes(url.protocol) &&
    [url.username, url.password, url.search, url.hash].every((part) => part === '');
  if (!isAddress) {
    throw new TypeError(
      'baseUrl must be the address of the service, such as https://identity.contoso.com: http or https, without user, query and fragment.',
    );
  }
  return url.href.replace(/\/+$/, '');
}
