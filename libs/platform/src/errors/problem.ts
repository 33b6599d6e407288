import { ServiceError, type ServiceErrorOptions } from './service-error.js';

export interface ProblemOptions extends ServiceErrorOptions {
  /** Replaces the default detail of the class. */
  readonly detail?: string;
}

/** What `problem` returns: a class to extend, whose instances need no arguments. */
export type ProblemClass<Base extends ServiceError = ServiceError> = new (
  options?: ProblemOptions,
) => Base & { readonly code: string; readonly status: number; readonly title: string };

/** Of every class that `problem` made in this process. */
const CODES = new Set<string>();

/** Whether a class that `problem` made has the code. */
export function isProblemCode(code: string): boolean {
  return CODES.has(code);
}

/**
 * Makes a refusal of constants:
 *
 *     export class MappingNotFound extends problem('mapping-not-found', 404, 'No identity is mapped') {}
 *
 * @param code last part of the problem type; public API
 * @param status HTTP status of the problem response
 * @param detail default of `detail`; default: the title
 * @param defaults `base` is the class that the refusal extends, so that `instanceof` finds the group
 */
export function problem<Base extends ServiceError = ServiceError>(
  code: string,
  status: number,
  title: string,
  detail: string = title,
  {
    base,
    ...defaults
  }: Pick<ServiceErrorOptions, 'retryAfterSeconds'> & {
    readonly base?: abstract new (detail: string, options?: ServiceErrorOptions) => Base;
  } = {},
): ProblemClass<Base> {
  CODES.add(code);
  const Parent: abstract new (detail: string, options?: ServiceErrorOptions) => ServiceError =
    base ?? ServiceError;
  class Problem extends Parent {
    override readonly code = code;
    override readonly status = status;
    override readonly title = title;

    constructor(options: ProblemOptions = {}) {
      super(options.detail ?? detail, { ...defaults, ...options });
    }
  }
  // It extends `base`, which TypeScript can't express for a class expression without `any`.
  return Problem as unknown as ProblemClass<Base>;
}
