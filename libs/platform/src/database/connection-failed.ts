/**
 * A connection could not be made, for whatever reason. The message has the reason for operators, `cause`
 * the error of pg.
 */
export class ConnectionFailed extends Error {
  override readonly name = 'ConnectionFailed';
  /** Whether the login was refused and there is another password now. */
  readonly isRepeatable: boolean;

  constructor(
    message: string,
    { cause, isRepeatable = false }: { readonly cause: unknown; readonly isRepeatable?: boolean },
  ) {
    super(message, { cause });
    this.isRepeatable = isRepeatable;
  }
}
