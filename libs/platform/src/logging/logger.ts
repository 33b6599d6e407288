/**
 * The operational log. Messages are constant and lower case; facts go into the fields.
 *
 * Lines may be lost, so it never replaces an audit entry. Fields never hold tokens, keys or connection
 * strings.
 */
export abstract class Logger {
  abstract debug(fields: object, message: string): void;
  abstract info(fields: object, message: string): void;
  abstract warn(fields: object, message: string): void;
  abstract error(fields: object, message: string): void;

  /** Writes what waits, before the process exits. Nothing may be logged after it. Never rejects. */
  async end(): Promise<void> {
    return Promise.resolve();
  }
}
