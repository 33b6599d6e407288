import { ServiceError } from '#libs/platform';

/** What the deciding rule would have given. */
export interface Allowed {
  readonly allowedScopes: readonly string[];
  readonly allowedLifetimeMinutes: { readonly shortest: number; readonly longest: number };
}

/** The policy does not give the caller all of the scopes that it asked for. */
export class ScopesNotAllowed extends ServiceError {
  override readonly code = 'scopes-not-allowed';
  override readonly status = 403;
  override readonly title = 'The policy does not allow these scopes';

  constructor(
    wanted: readonly string[],
    private readonly allowed: Allowed,
  ) {
    super(`Asked for ${wanted.join(', ')}; allowed are ${allowed.allowedScopes.join(', ')}.`);
  }

  override get members(): Readonly<Record<string, unknown>> {
    return { ...this.allowed };
  }
}

/** The policy gives tokens that live longer, or shorter, than the one asked for. */
export class LifetimeNotAllowed extends ServiceError {
  override readonly code = 'lifetime-not-allowed';
  override readonly status = 403;
  override readonly title = 'The policy does not allow this lifetime';

  constructor(
    wantedMinutes: number,
    private readonly allowed: Allowed,
  ) {
    const { shortest, longest } = allowed.allowedLifetimeMinutes;
    super(`Asked for ${wantedMinutes} minutes; allowed are ${shortest} to ${longest}.`);
  }

  override get members(): Readonly<Record<string, unknown>> {
    return { ...this.allowed };
  }
}

/** No rule of the policy speaks of such a caller. */
export class NoRuleApplies extends ServiceError {
  override readonly code = 'no-rule-applies';
  override readonly status = 403;
  override readonly title = 'The policy gives this caller no tokens';

  constructor() {
    super('No rule of the issuance policy applies to this caller and identity.');
  }

  override get members(): Readonly<Record<string, unknown>> {
    return { allowedScopes: [] };
  }
}

/** The deciding rule does not let Teams tokens be exchanged. */
export class TeamsTokensNotAllowed extends ServiceError {
  override readonly code = 'teams-tokens-not-allowed';
  override readonly status = 403;
  override readonly title = 'The policy does not allow the exchange of Teams tokens';

  constructor() {
    super('The issuance policy does not let this caller exchange Teams user tokens.');
  }
}

/** The identity has had as many new tokens within the hour as its rule gives. */
export class TokenQuotaExceeded extends ServiceError {
  override readonly code = 'token-quota-exceeded';
  override readonly status = 429;
  override readonly title = 'The identity has had its tokens for this hour';

  constructor(
    private readonly tokensPerHour: number,
    retryAfterSeconds: number,
  ) {
    super(`The policy gives this identity ${tokensPerHour} new tokens in 60 minutes.`, {
      retryAfterSeconds,
    });
  }

  override get members(): Readonly<Record<string, unknown>> {
    return { tokensPerHour: this.tokensPerHour };
  }
}
