import type { ClientExchange } from '#libs/communication-services';
import type { IdentityKind } from '#libs/identity-mapping';
import type { CanonicalName } from '#libs/platform';
import type { PolicyDocument, PolicyRule } from './policy-document.js';
import {
  ExchangeNotAllowed,
  LifetimeNotAllowed,
  NoRuleApplies,
  type PolicyRefusal,
  ScopesNotAllowed,
  TeamsTokensNotAllowed,
} from './errors.js';

/** Joins a meeting, and begins none. */
const JOINING_SCOPE = 'voip.join';

/** The caller, and the identity that the token is for. */
export interface PolicySubject {
  /** Of the identity that the token is for. */
  readonly kind: IdentityKind;
  /** Of the identity that the token is for. */
  readonly tenant: CanonicalName;
  /** Of the caller. */
  readonly clientApp?: CanonicalName | undefined;
  /** Of the caller. */
  readonly permissions: readonly string[];
  /** Whether the caller is, or may be, a guest in its tenant. */
  readonly isGuest: boolean;
  /** Whether the token is for another identity than the caller's own. */
  readonly isForOthers: boolean;
}

/** The requested properties of a token. The policy has a default for each. */
export interface TokenOptions {
  readonly scopes?: readonly string[] | undefined;
  /** 60 to 1440, as ACS allows. */
  readonly expiresInMinutes?: number | undefined;
}

/** The token that a policy grants. */
export interface Grant {
  /** Sorted, without duplicates. */
  readonly scopes: readonly string[];
  readonly expiresInMinutes: number;
  /** The limits of the rule. A lifetime that was not requested may vary within them. */
  readonly lifetimeMinutes: { readonly shortest: number; readonly longest: number };
  /** Whether the caller has requested the lifetime, so that it may not vary. */
  readonly isLifetimeRequested: boolean;
  readonly isReusable: boolean;
  readonly tokensPerHour: number | undefined;
}

/** What a policy grants with an exchange; ACS decides on scopes and lifetime. */
export type ExchangeGrant = Pick<Grant, 'tokensPerHour'>;

/** The decision that a rule in audit mode would have made. */
export interface EvaluatedRule {
  readonly rule: string;
  /** `allow`, or the code of the refusal. */
  readonly outcome: string;
}

/** A grant or a refusal, with the rule and the policy that decided. */
export type Decision<T = Grant> = {
  /** `undefined` when no rule matches. */
  readonly rule: string | undefined;
  /** Of the policy; see `policyVersion`. */
  readonly version: string;
  /** The matching rules in audit mode that come before `rule`. */
  readonly evaluatedRules: readonly EvaluatedRule[];
} & ({ readonly grant: T } | { readonly refusal: PolicyRefusal });

/** A decision that grants a token. */
export type GrantedDecision = Extract<Decision, { readonly grant: Grant }>;

/** A scope that ACS will stop supporting. */
export interface ScopeSunset {
  readonly scope: string;
  /** The start of that day, in UTC. */
  readonly sunsetAt: Date;
  readonly link: string | undefined;
}

/**
 * Decides which callers get tokens with which scopes and lifetimes. The first matching rule decides;
 * without a matching rule the request is refused. A request is never narrowed: it is granted as it is,
 * or refused with what is allowed.
 */
export class IssuancePolicy {
  readonly #sunsets: ReadonlyMap<string, ScopeSunset>;

  /** @param version identifies the policy in audit entries; see `policyVersion` */
  constructor(
    private readonly document: PolicyDocument,
    readonly version: string,
  ) {
    const dated = Object.entries(document.scopes).flatMap(([scope, { sunset, link }]) =>
      sunset === undefined ? [] : [{ scope, sunsetAt: new Date(`${sunset}T00:00:00Z`), link }],
    );
    this.#sunsets = new Map(dated.map((sunset) => [sunset.scope, sunset]));
  }

  /** The scopes that the policy lists. A request with another one is invalid. */
  get knownScopes(): readonly string[] {
    return Object.keys(this.document.scopes);
  }

  get ruleNames(): readonly string[] {
    return this.document.rules.map(({ name }) => name);
  }

  /** Whether a rule lets tokens be reused, so that they are stored. */
  get hasReuse(): boolean {
    return this.document.rules.some(({ allow }) => allow.reuse);
  }

  /** Those of the scopes that have a sunset. */
  sunsetsOf(scopes: readonly string[] = this.knownScopes): readonly ScopeSunset[] {
    return scopes.flatMap((scope) => this.#sunsets.get(scope) ?? []);
  }

  decide(subject: PolicySubject, options: TokenOptions): Decision {
    return this.#decide(subject, ({ name, when, allow }) =>
      decideBy(
        { name, allow: subject.kind === 'visitor' ? forVisitor(when, allow) : allow },
        options,
      ),
    );
  }

  /** Whether the subject may exchange a Teams user's token. */
  decideTeamsExchange(subject: PolicySubject): Decision<ExchangeGrant> {
    return this.#decide(subject, ({ name: rule, allow: { teamsTokens, tokensPerHour } }) =>
      teamsTokens
        ? { grant: { tokensPerHour } }
        : { refusal: new TeamsTokensNotAllowed({ facts: { rule } }) },
    );
  }

  /** Whether the subject may get a token by an exchange of Microsoft's client library. */
  decideClientExchange(subject: PolicySubject, exchange: ClientExchange): Decision<ExchangeGrant> {
    return this.#decide(subject, ({ name: rule, allow: { exchanges, tokensPerHour } }) =>
      exchanges.includes(exchange)
        ? { grant: { tokensPerHour } }
        : { refusal: new ExchangeNotAllowed({ facts: { rule } }) },
    );
  }

  #decide<T>(subject: PolicySubject, apply: (rule: PolicyRule) => Outcome<T>): Decision<T> {
    const evaluatedRules: EvaluatedRule[] = [];
    for (const rule of this.document.rules) {
      if (!matches(rule.when, subject)) continue;
      const outcome = apply(rule);
      if (rule.mode === 'enforce') {
        return { rule: rule.name, version: this.version, evaluatedRules, ...outcome };
      }
      evaluatedRules.push({
        rule: rule.name,
        outcome: 'grant' in outcome ? 'allow' : outcome.refusal.code,
      });
    }
    return { rule: undefined, version: this.version, evaluatedRules, refusal: new NoRuleApplies() };
  }
}

type Outcome<T> = { readonly grant: T } | { readonly refusal: PolicyRefusal };

function matches(when: PolicyRule['when'], subject: PolicySubject): boolean {
  if (when === 'anyone') return true;
  const { kind, tenant, clientApp, permission, guest, forOthers, visitor } = when;
  const { permissions, isGuest, isForOthers } = subject;
  const isVisitor = subject.kind === 'visitor';
  return (
    (kind === undefined || kind.some((one) => one === subject.kind)) &&
    (tenant === undefined || tenant.includes(subject.tenant.toLowerCase())) &&
    (clientApp === undefined ||
      (subject.clientApp !== undefined && clientApp.includes(subject.clientApp))) &&
    (permission === undefined || permission.some((name) => permissions.includes(name))) &&
    (guest === undefined || (!isForOthers && guest === isGuest)) &&
    (forOthers === undefined || forOthers === isForOthers) &&
    (visitor === undefined || visitor === isVisitor)
  );
}

/**
 * What a rule gives to a visitor: one new token, which nobody reuses, and no more than joining unless the
 * rule is about visitors.
 */
function forVisitor(when: PolicyRule['when'], allow: PolicyRule['allow']): PolicyRule['allow'] {
  const once = { ...allow, reuse: false, tokensPerHour: undefined };
  if (when !== 'anyone' && when.visitor === true) return once;
  const scopes = allow.scopes.filter((scope) => scope === JOINING_SCOPE);
  return { ...once, scopes, defaultScopes: scopes };
}

function decideBy(
  { name: rule, allow }: Pick<PolicyRule, 'name' | 'allow'>,
  options: TokenOptions,
): Outcome<Grant> {
  const { shortest, longest } = allow.lifetimeMinutes;
  const allowed = { allowedScopes: allow.scopes, allowedLifetimeMinutes: { shortest, longest } };
  const scopes = [...new Set(options.scopes ?? allow.defaultScopes)].sort();
  if (scopes.length === 0 || scopes.some((scope) => !allow.scopes.includes(scope))) {
    return { refusal: new ScopesNotAllowed(scopes, allowed, rule) };
  }
  const expiresInMinutes = options.expiresInMinutes ?? allow.lifetimeMinutes.default;
  // Written so that NaN is refused too.
  if (!(expiresInMinutes >= shortest && expiresInMinutes <= longest)) {
    return { refusal: new LifetimeNotAllowed(expiresInMinutes, allowed, rule) };
  }
  return {
    grant: {
      scopes,
      expiresInMinutes,
      lifetimeMinutes: { shortest, longest },
      isLifetimeRequested: options.expiresInMinutes !== undefined,
      isReusable: allow.reuse,
      tokensPerHour: allow.tokensPerHour,
    },
  };
}
