import type { AccessTokenRequest } from '@acs-identity/client';
import { type AccountInfo, CacheLookupPolicy, PublicClientApplication } from '@azure/msal-browser';
import type { Config } from './config.js';

/** The sign-in at Entra ID, by redirects of the whole page. */
export class Entra {
  readonly #msal: PublicClientApplication;
  readonly #scopes: string[];
  /** Of the last challenge, for a sign-in that meets it. */
  #claims: string | undefined;

  constructor({ auth, scopes }: Config) {
    this.#msal = new PublicClientApplication({
      auth: { ...auth, redirectUri: `${location.origin}/` },
    });
    this.#scopes = scopes;
  }

  /** Ends the sign-in that a redirect brought back. Call it once, on every load of the page. */
  async start(): Promise<void> {
    await this.#msal.initialize();
    const result = await this.#msal.handleRedirectPromise();
    if (result) this.#msal.setActiveAccount(result.account);
  }

  /** The signed-in person. */
  get account(): AccountInfo | undefined {
    return this.#msal.getActiveAccount() ?? undefined;
  }

  /** Leaves the page. */
  async signIn(): Promise<void> {
    await this.#msal.loginRedirect({
      scopes: this.#scopes,
      ...(this.account && { loginHint: this.account.username }),
      ...(this.#claims !== undefined && { claims: this.#claims }),
    });
  }

  /** Leaves the page. */
  async signOut(): Promise<void> {
    await this.#msal.logoutRedirect(this.account && { account: this.account });
  }

  /**
   * An access token for the identity service, from MSAL's cache if it is valid for another five minutes.
   *
   * @throws AuthError, among others when the person has to sign in again
   */
  async getAccessToken({ claims, forceRefresh }: AccessTokenRequest): Promise<string> {
    if (claims !== undefined) this.#claims = claims;
    const { accessToken } = await this.#msal.acquireTokenSilent({
      scopes: this.#scopes,
      ...(this.account && { account: this.account }),
      ...(claims !== undefined && { claims }),
      ...(forceRefresh !== undefined && { forceRefresh }),
      // No hidden frame, which browsers that block third-party cookies answer with a timeout.
      cacheLookupPolicy: CacheLookupPolicy.AccessTokenAndRefreshToken,
    });
    return accessToken;
  }
}
