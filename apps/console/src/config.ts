import { ConnectionError, ProblemError } from '@acs-identity/client';

/** Where people sign in. */
export interface Provider {
  readonly name: string;
  readonly authority: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Requested when somebody opens Identities. */
  readonly identityScopes: readonly string[];
}

/** `config.json`: what the console knows of its surroundings. */
export interface Config {
  /** SHA-256 of the list of files and hashes that the service serves. */
  readonly build: string;
  readonly providers: readonly Provider[];
}

/** @throws ProblemError, ConnectionError */
export async function loadConfig(): Promise<Config> {
  const response = await fetch('config.json', { cache: 'no-store' }).catch((error: unknown) => {
    throw new ConnectionError('config.json', error);
  });
  if (!response.ok) throw ProblemError.of(response, await response.text());
  return (await response.json()) as Config; // the service made it by this interface
}
