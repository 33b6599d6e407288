import { ServiceError } from '#libs/platform';

/** The policy does not give the caller all of the scopes that it asked for. */
export class ScopesNotAllowed extends ServiceError {
  override readonly code = 'scopes-not-allowed';
  override readonly status = 403;
  override readonly title = 'The policy does not allow these scopes';

  constructor(
    wanted: readonly string[],
    private readonly allowedScopes: readonly string[],
  ) {
    super(`Asked for ${wanted.join(', ')}; allowed are ${allowedScopes.join(', ')}.`);
  }

  override get members(): Readonly<Record<string, unknown>> {
    return { allowedScopes: this.allowedScopes };
  }
}
