import type { BrowserAuthOptions } from '@azure/msal-browser';

/** What the page knows of its surroundings: `config.json` of its own server. */
export interface Config {
  /** The identity service. */
  readonly apiUrl: string;
  /** Scopes of the access token for the identity service. */
  readonly scopes: string[];
  /** The app registration of the page, and its authority. */
  readonly auth: BrowserAuthOptions;
  /** What a visitor has to know before the sign-in. */
  readonly note?: string;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch('/config.json');
  if (!response.ok) throw new Error(`The page has no configuration: status ${response.status}.`);
  return (await response.json()) as Config; // the server of the page made it by this interface
}
