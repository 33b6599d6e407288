import type { ServiceError } from '#libs/platform';
import type { PolicyDocument, PolicyRule } from './policy-document.js';
import {
  LifetimeNotAllowed,
  NoRuleApplies,
  ScopesNotAllowed,
  TeamsTokensNotAllowed,
} from './errors.js';

/** For whom a token is asked, and by whom. */
export interface PolicySubject {
  /** Of the application identity that the token is for. */
  readonly kind: 'user' | 'service' | 'bot';
  /** Of the application identity that the token is for. */
  readonly tenant: string;
  /** Of the caller, as all that follows. */
  readonly clientApp?: string | undefined;
  readonly permissions: readonly string[];
  readonly isGuest: boolean;
  /** Whether the token is for another identity than the caller's own. */
  readonly isForOthers: boolean;
}

/** What a caller asks of a token; what it leaves out is up to the policy. */
export interface TokenOptions {
  readonly scopes?: readonly string[] | undefined;
  /** 60 to 1440, as ACS allows. */
  readonly expiresInMinutes?: number | undefined;
}

/** What is granted. */
export interface Grant {
  /** Sorted, each once. */
  readonly scopes: readonly string[];
  readonly expiresInMinutes: number;
  /** The shortest and longest lifetime that the rule gives; a lifetime nobody asked for may vary within. */
  readonly lifetimeMinutes: { readonly shortest: number; readonly longest: number };
  /** Whether the lifetime was asked for, so that it may not be varied. */
  readonly isLifetimeRequested: boolean;
  readonly isReusable: boolean;
  readonly tokensPerHour: number | undefined;
}

/** What a rule in audit mode would have decided. */
export interface EvaluatedRule {
  readonly rule: string;
  /** `allow`, or the code of the refusal. */
  readonly outcome: string;
}

/** The answer of the policy, and which rule of which policy gave it. */
export type Decision<T = Grant> = {
  /** Absent when none matches. */
  readonly rule: string | undefined;
  /** Of the policy; see `policyVersion`. */
  readonly version: string;
  readonly evaluatedRules: readonly EvaluatedRule[];
} & ({ readonly grant: T } | { readonly refusal: ServiceError });

/** A decision that grants a token. */
export type GrantedDecision = Extract<Decision, { readonly grant: Grant }>;

/** A scope that ACS will stop to give. */
export interface ScopeSunset {
  readonly scope: string;
  /** The first instant of that day, in UTC. */
  readonly sunsetAt: Date;
  readonly link: string | undefined;
}

/**
 * Which token scopes and lifetimes are given to whom. The first matching rule decides and no match
 * denies; nothing is narrowed silently: it is granted or refused with what would be allowed.
 */
export class IssuancePolicy {
  readonly #sunsets: ReadonlyMap<string, ScopeSunset>;

  /** @param document already checked; @param version names it in audit entries */
  constructor(
    private readonly document: PolicyDocument,
    readonly version: string,
  ) {
    const dated = Object.entries(document.scopes).flatMap(([scope, { sunset, link }]) =>
      sunset === undefined ? [] : [{ scope, sunsetAt: new Date(`${sunset}T00:00:00Z`), link }],
    );
    this.#sunsets = new Map(dated.map((one) => [one.scope, one]));
  }

  /** Every scope that the policy has heard of; another one is a fault of the request. */
  get knownScopes(): readonly string[] {
    return Object.keys(this.document.scopes);
  }

  get ruleNames(): readonly string[] {
    return this.document.rules.map(({ name }) => name);
  }

  /** Those of the scopes that have an end. */
  sunsetsOf(scopes: readonly string[] = this.knownScopes): readonly ScopeSunset[] {
    return scopes.flatMap((scope) => this.#sunsets.get(scope) ?? []);
  }

  decide(subject: PolicySubject, wish: TokenOptions): Decision {
    return this.#ask(subject, ({ allow }) => granted(allow, wish));
  }

  /** Whether the subject may exchange a Teams user's token. */
  decideTeamsExchange(
    subject: PolicySubject,
  ): Decision<{ readonly tokensPerHour: number | undefined }> {
    return this.#ask(subject, ({ allow: { teamsTokens, tokensPerHour } }) =>
      teamsTokens ? { grant: { tokensPerHour } } : { refusal: new TeamsTokensNotAllowed() },
    );
  }

  #ask<T>(subject: PolicySubject, answer: (rule: PolicyRule) => Answer<T>): Decision<T> {
    const evaluatedRules: EvaluatedRule[] = [];
    for (const rule of this.document.rules) {
      if (!matches(rule.when, subject)) continue;
      const given = answer(rule);
      if (rule.mode === 'enforce') {
        return { rule: rule.name, version: this.version, evaluatedRules, ...given };
      }
      evaluatedRules.push({
        rule: rule.name,
        outcome: 'grant' in given ? 'allow' : given.refusal.code,
      });
    }
    return { rule: undefined, version: this.version, evaluatedRules, refusal: new NoRuleApplies() };
  }
}

type Answer<T> = { readonly grant: T } | { readonly refusal: ServiceError };

function matches(when: PolicyRule['when'], subject: PolicySubject): boolean {
  if (when === 'anyone') return true;
  const { kind, tenant, clientApp, permission, guest, forOthers } = when;
  const { permissions, isGuest, isForOthers } = subject;
  return (
    (kind === undefined || kind.includes(subject.kind)) &&
    (tenant === undefined || tenant.includes(subject.tenant.toLowerCase())) &&
    (clientApp === undefined ||
      (subject.clientApp !== undefined && clientApp.includes(subject.clientApp.toLowerCase()))) &&
    (permission === undefined || permission.some((one) => permissions.includes(one))) &&
    (guest === undefined || (!isForOthers && guest === isGuest)) &&
    (forOthers === undefined || forOthers === isForOthers)
  );
}

function granted(allow: PolicyRule['allow'], wish: TokenOptions): Answer<Grant> {
  const { shortest, longest } = allow.lifetimeMinutes;
  const allowed = { allowedScopes: allow.scopes, allowedLifetimeMinutes: { shortest, longest } };
  const scopes = [...new Set(wish.scopes ?? allow.defaultScopes)].sort();
  if (scopes.length === 0 || scopes.some((scope) => !allow.scopes.includes(scope))) {
    return { refusal: new ScopesNotAllowed(scopes, allowed) };
  }
  const expiresInMinutes = wish.expiresInMinutes ?? allow.lifetimeMinutes.default;
  // Written so that NaN is refused too.
  if (!(expiresInMinutes >= shortest && expiresInMinutes <= longest)) {
    return { refusal: new LifetimeNotAllowed(expiresInMinutes, allowed) };
  }
  return {
    grant: {
      scopes,
      expiresInMinutes,
      lifetimeMinutes: { shortest, longest },
      isLifetimeRequested: wish.expiresInMinutes !== undefined,
      isReusable: allow.reuse,
      tokensPerHour: allow.tokensPerHour,
    },
  };
}
