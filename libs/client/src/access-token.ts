/** What is special about a request for an access token. */
export interface AccessTokenRequest {
  /** The claims request of a challenge, as JSON: the parameter `claims` of MSAL. */
  readonly claims?: string;
  /** The service refused the token of the cache: request a new one. The parameter of MSAL. */
  readonly forceRefresh?: boolean;
  /** Aborted when nobody waits for the token any longer. */
  readonly signal?: AbortSignal;
}

/** Gets an Entra access token for the service. Its errors reach the caller of the client as they are. */
export type GetAccessToken = (request: AccessTokenRequest) => Promise<string> | string;

/** @throws TypeError when the function returns something that can't be a bearer token */
export async function accessTokenOf(
  getAccessToken: GetAccessToken,
  request: AccessTokenRequest,
): Promise<string> {
  const token: unknown = await getAccessToken(request);
  // RFC 6750, section 2.1
  if (typeof token === 'string' && /^[\w.~+/-]+=*$/.test(token)) return token;
  const found = typeof token === 'string' ? 'a string that no bearer token can be' : typeof token;
  throw new TypeError(
    `getAccessToken must return an access token, such as the accessToken of MSAL's result, and returned ${found}.`,
  );
}
