export interface ServiceErrorOptions {
  /** For operators only. */
  readonly cause?: unknown;
  /** Whole seconds after which a repeated request may succeed. */
  readonly retryAfterSeconds?: number;
  /** Further members of the problem details, besides those of RFC 9457. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** What the log says about it to operators: see `ServiceError.facts`. */
  readonly facts?: Facts | undefined;
}

/** Constants, names of the configuration and its numbers. Nothing that a caller or an upstream sends. */
export type Facts = Readonly<Record<string, string | number>>;

/**
 * The base of every refusal: one class each, with a `code` that is public API.
 *
 * `title`, `detail` and `members` may reach the caller; `facts` and `cause` are for operators only.
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
  readonly #facts: Facts;

  /** @param detail explains this occurrence to the caller */
  constructor(
    readonly detail: string,
    { cause, retryAfterSeconds, members = {}, facts = {} }: ServiceErrorOptions = {},
  ) {
    super(detail, cause === undefined ? undefined : { cause });
    this.retryAfterSeconds = retryAfterSeconds;
    this.#members = members;
    this.#facts = facts;
  }

  /** On the prototype, because V8 writes the name into `stack` before the constructor's body runs. */
  override get name(): string {
    return this.constructor.name;
  }

  /** Further members of the problem details, besides those of RFC 9457. */
  get members(): Readonly<Record<string, unknown>> {
    return this.#members;
  }

  /** What decided, such as the rule of the policy. The log has it; the caller does not learn it. */
  get facts(): Facts {
    return this.#facts;
  }
}
