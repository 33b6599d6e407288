/** Where passwords come from that change while the process runs. */
export interface PasswordSource {
  /** Called for each new connection. Its error is the reason why there is none. */
  password(): Promise<string>;
  /** Called when the server has accepted the password. */
  accepted?(password: string): void;
  /**
   * Called when the server has refused the password. Safe to repeat.
   *
   * @returns whether `password` now has another one, with which the login is worth repeating
   */
  refused?(password: string): Promise<boolean>;
  /** Whether the password must not be sent without TLS. */
  readonly needsTls: boolean;
}

/** How the process signs in to PostgreSQL. */
export abstract class DatabaseCredential {
  /** `undefined`: with the password in the address. */
  abstract readonly source: PasswordSource | undefined;
}
