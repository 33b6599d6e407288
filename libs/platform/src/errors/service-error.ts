export interface ServiceErrorOptions {
  /** For operators only. */
  readonly cause?: unknown;
  /** Whole seconds after which a repeated request may succeed. */
  readonly retryAfterSeconds?: number;
  /** Further members of the problem details, besides those of RFC 9457. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/**
 * The base of every refusal: one class each, with a `code` that is public API.
 *
 * `title`, `detail` and `members` may reach the caller; `cause` is for operators only.
 */
export abstract class ServiceError extends Error {
  /** Last part of the problem type. Never changes once released. */
  abstract readonly code: string;
  /** HTTP status of the problem response. */
  abstract readonly status: number;
  /** Short summary, the same for every occurrence. */
  abstract readonly title: string;
  /** Absent when a repeated request can't succeed. */
  readonly retryAfterSeconds: number | undefined;
  readonly #members: Readonly<Record<string, unknown>>;

  /** @param detail explains this occurrence to the caller */
  constructor(
    readonly detail: string,
    { cause, retryAfterSeconds, members = {} }: ServiceErrorOptions = {},
  ) {
    super(detail, cause === undefined ? undefined : { cause });
    this.retryAfterSeconds = retryAfterSeconds;
    this.#members = members;
  }

  /** On the prototype, because V8 writes the name into `stack` before the constructor's body runs. */
  override get name(): string {
    return this.constructor.name;
  }

  /** Further members of the problem details, besides those of RFC 9457. */
  get members(): Readonly<Record<string, unknown>> {
    return this.#members;
  }
}
