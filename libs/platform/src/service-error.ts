/**
 * What every refusal of this service is: one class for each, with a `code` that is public API.
 *
 * `title` and `detail` may reach the caller. What only operators may read goes into `cause`.
 */
export abstract class ServiceError extends Error {
  /** Stable name of the refusal; the last part of the problem type. Never changes once released. */
  abstract readonly code: string;
  /** The HTTP status that says the same; the libraries use no other part of HTTP. */
  abstract readonly status: number;
  /** The refusal in a few words, the same each time. */
  abstract readonly title: string;
  /** Whole seconds after which a repeat makes sense; absent where none does. */
  readonly retryAfterSeconds: number | undefined;

  /** @param detail what is special about this time, in words a caller may read */
  constructor(
    readonly detail: string,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** Further members of the problem details, besides the ones that RFC 9457 names. */
  get members(): Readonly<Record<string, unknown>> {
    return {};
  }
}
