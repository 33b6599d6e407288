import { readFile } from 'node:fs/promises';
import { DatabaseCredential, type Logger, type PasswordSource } from '#libs/platform';
import type { AzureCredential } from '../azure-credential/azure-credential.js';
import { AzureFault } from '../azure-credential/azure-fault.js';
import type { SecretStore } from '../secret-store.js';
import { passwordIn } from './password-in.js';
import { RotatingPassword } from './rotating-password.js';
import type { DatabaseCredentialSettings } from './settings.js';

/** Before its end a token is replaced. PostgreSQL looks at it at the login only. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** A refused token is replaced at most once in this time. */
const REPLACE_INTERVAL_MS = 30_000;

/** The password that the settings select: of the address, a file or a secret, or a token of Entra. */
export class SettingsDatabaseCredential extends DatabaseCredential {
  readonly source: PasswordSource | undefined;

  constructor(
    { auth, passwordFile, passwordSecret, entraScope }: DatabaseCredentialSettings,
    azure: AzureCredential,
    /** Needed where the password is a secret. */
    secrets: SecretStore | undefined,
    logger: Logger,
  ) {
    super();
    if (auth === 'entra') this.source = new EntraPassword(azure, entraScope);
    else if (passwordFile !== undefined) {
      this.source = new RotatingPassword(async () => passwordOf(passwordFile), logger);
    } else if (passwordSecret !== undefined && secrets !== undefined) {
      this.source = new RotatingPassword(
        async () => (await secrets.current(passwordSecret)).value,
        logger,
        async () => (await secrets.reread(passwordSecret)).value,
      );
    }
  }
}

async function passwordOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code } = error as { code?: unknown }; // of Node
    throw new Error(`DATABASE_PASSWORD_FILE can not be read (${String(code)})`);
  });
  const password = passwordIn(text);
  if (password === '') throw new Error('DATABASE_PASSWORD_FILE is empty');
  return password;
}

class EntraPassword implements PasswordSource {
  readonly needsTls = true;
  #token: { readonly token: string; readonly expiresOnTimestamp: number } | undefined;
  #replacedAt = -Infinity;

  constructor(
    private readonly azure: AzureCredential,
    private readonly scope: string,
  ) {}

  async password(): Promise<string> {
    if (this.#token && this.#token.expiresOnTimestamp - RENEW_BEFORE_MS > Date.now()) {
      return this.#token.token;
    }
    const token = await this.azure.getToken(this.scope).catch((error: unknown) => {
      throw new Error(`Entra issues no token for it: ${new AzureFault(error).message}`);
    });
    if (!token) throw new Error('Entra issues no token for it');
    this.#token = token;
    return token.token;
  }

  /** The token may have been revoked, or be from before a change of the role: the next login has another. */
  async refused(): Promise<boolean> {
    if (performance.now() - this.#replacedAt < REPLACE_INTERVAL_MS) return Promise.resolve(false);
    this.#replacedAt = performance.now();
    this.#token = undefined;
    this.azure.forgetTokens();
    return Promise.resolve(true);
  }
}
