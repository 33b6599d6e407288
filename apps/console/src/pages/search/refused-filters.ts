import { ProblemError } from '@acs-identity/client';

/** What the service refused, with its words, of a 400: by `outcome`, or by `outcome/1` of several values. */
export function refusedFilters(error: Error | null): ReadonlyMap<string, string> {
  if (!(error instanceof ProblemError) || error.status !== 400) return new Map();
  const { errors = [] } = error.problem as {
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  };
  return new Map(errors.map(({ pointer, detail }) => [pointer.slice(1), detail]));
}
