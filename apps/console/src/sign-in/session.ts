import {
  ErrorResponse,
  InMemoryWebStorage,
  type User,
  UserManager,
  WebStorageStateStore,
} from 'oidc-client-ts';
import type { Provider } from '../config.js';
import { here, type Place } from '../shell/address.js';

/** Tokens are renewed this long before they expire. */
const RENEWAL_SECONDS = 300;

/** The provider that the person chose, for the length of the redirect. */
const PROVIDER_KEY = 'console.provider';

/** A sign-in that did not succeed, in the words of the provider. */
export interface SignInFailure {
  readonly code: string;
  readonly detail: string;
}

/** No page yet. */
const NOWHERE: Place = { fragment: '', personal: {} };

/** The sign-in has ended: the provider renews nothing without the person. */
export class SignInEnded extends Error {
  override readonly name = 'SignInEnded';
}

/** What comes back with a redirect: where the sign-in began, and what it requested. */
interface ReturnState extends Place {
  readonly scopes: readonly string[];
}

/**
 * The sign-in of one person, by the authorization code flow with PKCE and a redirect of the whole page.
 *
 * Tokens are in memory only: another tab, or a reload, signs in again with the session that the provider
 * keeps. During a redirect, `sessionStorage` has state, nonce, code verifier and the place to return to.
 */
export class Session {
  readonly #manager: UserManager;
  #user: User | undefined;
  #scopes: readonly string[];
  #renewal: Promise<User> | undefined;

  constructor(readonly provider: Provider) {
    const redirect = `${location.origin}/console/`;
    this.#scopes = provider.scopes;
    this.#manager = new UserManager({
      authority: provider.authority,
      client_id: provider.clientId,
      redirect_uri: redirect,
      post_logout_redirect_uri: redirect,
      scope: scopeOf(provider.scopes),
      userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      // Without a refresh token it would load a frame, which the content security policy refuses.
      automaticSilentRenew: false,
      monitorSession: false,
    });
  }

  /**
   * Ends the sign-in that a redirect brought back, and removes its parameters from the address.
   *
   * @returns with the place at which it began, also when it failed; `undefined` when the page was not opened by such a
   *   redirect
   */
  static async return(
    providers: readonly Provider[],
  ): Promise<{ session: Session; place: Place; failure?: SignInFailure } | undefined> {
    const parameters = new URLSearchParams(location.search);
    if (!parameters.has('state')) return undefined;
    const name = sessionStorage.getItem(PROVIDER_KEY);
    sessionStorage.removeItem(PROVIDER_KEY);
    const provider = providers.find((one) => one.name === name);
    const returned = location.href;
    history.replaceState(null, '', location.pathname + location.hash);
    if (!provider) return undefined;
    const session = new Session(provider);
    try {
      const user = await session.#manager.signinRedirectCallback(returned);
      const { scopes, ...place } = user.state as ReturnState; // `signIn` wrote it
      session.#user = user;
      session.#scopes = scopes;
      return { session, place };
    } catch (error) {
      // Of the provider; other failures have no state.
      const state =
        error instanceof ErrorResponse ? (error.state as ReturnState | undefined) : null;
      return { session, place: state ?? NOWHERE, failure: failureOf(error) };
    }
  }

  get isSignedIn(): boolean {
    return this.#user !== undefined;
  }

  /** Whether this sign-in requested all of these scopes, which need not be granted. */
  hasRequested(scopes: readonly string[]): boolean {
    return scopes.every((scope) => this.#scopes.includes(scope));
  }

  /** Signs in again, with more scopes than this sign-in requested. Leaves the page. */
  async signInFor(moreScopes: readonly string[]): Promise<void> {
    await this.signIn([...new Set([...this.#scopes, ...moreScopes])]);
  }

  /** Leaves the page. @param scopes default: those that this sign-in requested, or those of every sign-in */
  async signIn(scopes = this.#scopes, prompt?: 'select_account'): Promise<void> {
    sessionStorage.setItem(PROVIDER_KEY, this.provider.name);
    await this.#manager.signinRedirect({
      scope: scopeOf(scopes),
      nonce: crypto.randomUUID(),
      state: { ...here(), scopes } satisfies ReturnState,
      ...(prompt && { prompt }),
    });
  }

  /** Leaves the page, also when the provider has no page to sign out. */
  async signOut(): Promise<void> {
    const idToken = this.#user?.id_token;
    this.#user = undefined;
    await this.#manager
      .signoutRedirect(idToken === undefined ? {} : { id_token_hint: idToken })
      .catch(() => {
        location.assign('/console/');
      });
  }

  /**
   * An access token that is valid for another five minutes.
   *
   * @throws SignInEnded
   */
  async accessToken({ isRefused = false } = {}): Promise<string> {
    const user = this.#user;
    if (!user) throw new SignInEnded('Nobody is signed in.');
    const isFresh = (user.expires_in ?? 0) > RENEWAL_SECONDS;
    if (isFresh && !isRefused) return user.access_token;
    if (user.refresh_token === undefined) {
      if (!isRefused && user.expired !== true) return user.access_token;
      throw new SignInEnded('The sign-in has expired.');
    }
    this.#renewal ??= this.#renew(user.refresh_token).finally(() => {
      this.#renewal = undefined;
    });
    return (await this.#renewal).access_token;
  }

  async #renew(refreshToken: string): Promise<User> {
    try {
      const renewed = await this.#manager.signinSilent({
        // The library sends the scopes of the last response, from which providers leave offline_access out.
        extraTokenParams: { scope: scopeOf(this.#scopes) },
      });
      if (!renewed) throw new SignInEnded('The provider returned no token.');
      // Providers that do not replace the refresh token leave it out.
      renewed.refresh_token ??= refreshToken;
      await this.#manager.storeUser(renewed);
      this.#user = renewed;
      return renewed;
    } catch (error) {
      if (error instanceof ErrorResponse) throw new SignInEnded(failureOf(error).detail);
      throw error;
    }
  }
}

function scopeOf(scopes: readonly string[]): string {
  return ['openid', 'profile', 'offline_access', ...scopes].join(' ');
}

function failureOf(error: unknown): SignInFailure {
  if (error instanceof ErrorResponse)
    return { code: error.error ?? 'error', detail: error.error_description ?? error.message };
  return { code: 'sign-in', detail: error instanceof Error ? error.message : String(error) };
}
