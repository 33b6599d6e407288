import { problem } from '#libs/platform';

/** What the deciding rule allows. Part of the problem response. */
export interface Allowed {
  readonly allowedScopes: readonly string[];
  readonly allowedLifetimeMinutes: { readonly shortest: number; readonly longest: number };
}

/** The policy does not allow all of the requested scopes. */
export class ScopesNotAllowed extends problem(
  'scopes-not-allowed',
  403,
  'The policy does not allow these scopes',
) {
  constructor(requested: readonly string[], allowed: Allowed, rule: string) {
    super({
      detail: `Requested: ${requested.join(', ')}; allowed: ${allowed.allowedScopes.join(', ')}.`,
      members: { ...allowed },
      facts: { rule },
    });
  }
}

/** The policy does not allow the requested lifetime. */
export class LifetimeNotAllowed extends problem(
  'lifetime-not-allowed',
  403,
  'The policy does not allow this lifetime',
) {
  constructor(requestedMinutes: number, allowed: Allowed, rule: string) {
    const { shortest, longest } = allowed.allowedLifetimeMinutes;
    super({
      detail: `Requested: ${requestedMinutes} minutes; allowed: ${shortest} to ${longest}.`,
      members: { ...allowed },
      facts: { rule },
    });
  }
}

/** No rule of the policy matches. */
export class NoRuleApplies extends problem(
  'no-rule-applies',
  403,
  'The policy gives this caller no tokens',
  'No rule of the issuance policy applies to this caller and identity.',
) {
  constructor() {
    super({ members: { allowedScopes: [] } });
  }
}

/** The deciding rule does not allow the exchange of Teams tokens. */
export class TeamsTokensNotAllowed extends problem(
  'teams-tokens-not-allowed',
  403,
  'The policy does not allow the exchange of Teams tokens',
  'The issuance policy does not let this caller exchange Teams user tokens.',
) {}

/** The deciding rule does not allow the exchange. */
export class ExchangeNotAllowed extends problem(
  'exchange-not-allowed',
  403,
  'The policy does not allow this exchange',
  'The issuance policy does not let this caller exchange Entra tokens this way.',
) {}

/** A visitor gets one token, by an invitation. */
export class VisitorHasToken extends problem(
  'visitor-has-token',
  403,
  'A visitor gets no further token',
  'The identity is of a visitor, who gets one token, by an invitation.',
) {}

/** Why a policy gives no token. */
export type PolicyRefusal =
  | ScopesNotAllowed
  | LifetimeNotAllowed
  | NoRuleApplies
  | TeamsTokensNotAllowed
  | ExchangeNotAllowed;

/** The identity has got the number of new tokens that its rule allows in 60 minutes. */
export class TokenQuotaExceeded extends problem(
  'token-quota-exceeded',
  429,
  'The identity has had its tokens for this hour',
) {
  constructor(tokensPerHour: number, retryAfterSeconds: number) {
    super({
      detail: `The policy gives this identity ${tokensPerHour} new tokens in 60 minutes.`,
      members: { tokensPerHour },
      facts: { tokensPerHour },
      retryAfterSeconds,
    });
  }
}
