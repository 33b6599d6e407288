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

export async function loadConfig(): Promise<Config> {
  const response = await fetch('config.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`The console has no configuration: status ${response.status}.`);
  return (await response.json()) as Config; // the service made it by this interface
}
