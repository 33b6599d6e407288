import type { Logger, PasswordSource } from '#libs/platform';

/** How long the password before is used instead of one that the server has refused. */
const REFUSED_MS = 10_000;

/**
 * A password that is stored where it may change. It may be stored before PostgreSQL knows it, and
 * PostgreSQL may know it before it is stored: until both have it, the one that the server accepted last
 * is tried too.
 */
export class RotatingPassword implements PasswordSource {
  readonly needsTls = false;
  #accepted: string | undefined;
  #refused: { readonly password: string; readonly until: number } | undefined;

  /**
   * @param stored reads it; its error is the reason why there is no connection
   * @param reread reads it past a cache. Default: as `stored`
   */
  constructor(
    private readonly stored: () => Promise<string>,
    private readonly logger: Logger,
    private readonly reread = stored,
  ) {}

  async password(): Promise<string> {
    const stored = await this.stored().catch((error: unknown) => {
      if (this.#accepted === undefined) throw error;
      this.logger.error(
        { error },
        'the database password can not be read: the last one stays in use',
      );
      return this.#accepted;
    });
    const refused = this.#refused;
    const isRefused = refused?.password === stored && performance.now() < refused.until;
    return isRefused ? (this.#accepted ?? stored) : stored;
  }

  accepted(password: string): void {
    this.#accepted = password;
    if (this.#refused?.password === password) this.#refused = undefined;
  }

  async refused(password: string): Promise<boolean> {
    if (this.#accepted !== undefined && password !== this.#accepted) {
      this.#refused = { password, until: performance.now() + REFUSED_MS };
      this.logger.error(
        {},
        'the server refuses the new database password: the last one stays in use',
      );
      return true;
    }
    this.#refused = undefined;
    this.#accepted = undefined;
    return (await this.reread().catch(() => password)) !== password;
  }
}
