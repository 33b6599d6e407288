import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { IdentityClient, TokenRequest } from './identity-client.js';
import { TokenRenewal, type TokenState } from './token-renewal.js';

export type { TokenState } from './token-renewal.js';

/** The token of a component, and a way to request another one. */
export type CommunicationToken = TokenState & {
  /** Requests a new token now, such as after an error that the person has resolved. */
  readonly renew: () => void;
};

/**
 * An ACS token of the signed-in person. It is requested when the component appears, renewed ten minutes
 * before it expires, and dropped when the component disappears.
 *
 * @param client made once, outside of the component: another client is another token
 * @param request the scopes and the lifetime; equal values are the same request
 */
export function useCommunicationToken(
  client: IdentityClient,
  request: TokenRequest = {},
): CommunicationToken {
  const key = JSON.stringify(request);
  const renewal = useMemo(
    () => new TokenRenewal(client, JSON.parse(key) as TokenRequest), // what it was made of
    [client, key],
  );
  useEffect(() => {
    renewal.start();
    return () => {
      renewal.stop();
    };
  }, [renewal]);
  const state = useSyncExternalStore(renewal.subscribe, renewal.state, renewal.state);
  return { ...state, renew: renewal.renew };
}
