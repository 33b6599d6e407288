import { type CanActivate, type ExecutionContext, Injectable, Optional } from '@nestjs/common';
import { addressKey, type Principal, type RequestContext, traced } from '#libs/platform';
import { CLIENT_APIS } from '../access/client-exchange.js';
import type { Permission } from '../access/permission.js';
import { type DeniedCall, DenialAuditor } from '../audit/denial-auditor.js';
import { RefusalLog } from '../audit/refusal-log.js';
import {
  AmbiguousCredentials,
  ClaimsChallenge,
  CrossSiteRequest,
  InsufficientClaims,
  InsufficientPermission,
  InvalidToken,
  type RejectionReason,
  TokenRejected,
  TooManyRequests,
  Unauthenticated,
} from '../errors.js';
import { RateLimiter, type RateLimitResult } from '../rate-limit/rate-limiter.js';
import { type AccessRule, accessRulesOf } from './access-rule.js';
import { Authenticator } from './authenticator.js';
import { ClientExchangeAuthenticators } from './client-exchange-authenticators.js';
import { setPrincipal } from './current-principal.js';
import type { HttpReply, HttpRequest } from './http-request.js';
import { RequestContexts } from './request-contexts.js';
import { unprovenSite } from './unproven-site.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const UNAUTHENTICATED: ReadonlySet<RejectionReason> = new Set([
  'no-credentials',
  'other-scheme',
  'principal-missing',
]);

type SignInRule = Exclude<AccessRule, { kind: 'public' }>;

interface AccessAttempt {
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly context: RequestContext;
  readonly rule: SignInRule;
}

/**
 * Enforces the access rule of each route: authenticate, limit, authorize.
 *
 * Every denial is recorded in the audit log with its reason, and in the operational log. The caller gets
 * a general error.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly contexts: RequestContexts,
    private readonly rateLimiter: RateLimiter,
    private readonly auditor: DenialAuditor,
    private readonly log: RefusalLog,
    /** Comes with the module's own `Authenticator`, not with one that replaces it. */
    @Optional() private readonly exchanges?: ClientExchangeAuthenticators,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const http = execution.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const context = this.contexts.of(request);
    const rule = accessRuleOf(execution);
    if (rule.kind === 'public') return true;
    const attempt = { request, reply: http.getResponse<HttpReply>(), context, rule };
    const principal = await traced('authenticate', {}, async () => this.#authenticate(attempt));
    await this.#limit(principal, attempt);
    await this.#requireSameSite(principal, attempt);
    await this.#authorize(principal, attempt);
    setPrincipal(request, principal);
    return true;
  }

  async #authenticate(attempt: AccessAttempt): Promise<Principal> {
    const { request, rule } = attempt;
    try {
      if (rule.kind !== 'client-exchange')
        return await this.authenticator.authenticate(request, permissionOf(rule));
      if (!this.exchanges) throw new Error(`nothing authenticates the exchange ${rule.exchange}`);
      return await this.exchanges.of(rule.exchange).authenticate(request, undefined);
    } catch (error) {
      if (error instanceof TokenRejected)
        throw await this.reject(error, attempt.request, attempt.reply);
      if (error instanceof ClaimsChallenge) throw await this.#challenge(error, attempt);
      throw error;
    }
  }

  /**
   * Records rejected credentials. Counts only failures against the address, so valid credentials from it
   * are never limited.
   *
   * @param answer to the caller while the address is below its limit
   * @returns what the caller gets
   */
  async reject(
    rejection: TokenRejected,
    request: HttpRequest,
    reply: HttpReply,
    answer: Error = publicErrorFor(rejection),
  ): Promise<Error> {
    const context = this.contexts.of(request);
    this.log.rejected(rejection, context);
    await this.auditor.countRejection(rejection, context);
    const result = await this.rateLimiter.countFailure(context);
    const counted = 'rejections of an address';
    return result.isAllowed ? answer : tooManyRequests(result, reply, counted);
  }

  /**
   * Limits the requests of a public route. Those above the limit are counted in the audit log.
   *
   * @param of what is limited, with its limit per minute; without `key`, the address of the client
   * @throws TooManyRequests
   */
  async limitPublic(
    of: { readonly route: string; readonly key?: string; readonly perMinute: number },
    request: HttpRequest,
    reply: HttpReply,
  ): Promise<void> {
    const context = this.contexts.of(request);
    const key = of.key ?? addressKey(context.clientAddress);
    const result = await this.rateLimiter.countPublic(`${of.route} ${key}`, of.perMinute);
    if (result.isAllowed) return;
    await this.auditor.countLimited({ kind: 'unauthenticated' }, context);
    throw tooManyRequests(result, reply, 'requests of a public route');
  }

  async #challenge({ principal, claims }: ClaimsChallenge, attempt: AccessAttempt): Promise<Error> {
    await this.#limit(principal, attempt);
    await this.#recordDenial(principal, attempt, 'insufficient-claims');
    return new InsufficientClaims(claims);
  }

  async #limit(principal: Principal, { context, reply }: AccessAttempt): Promise<void> {
    const result = await this.rateLimiter.countRequest(principal);
    if (result.isAllowed) return;
    await this.auditor.countLimited(principal, context);
    throw tooManyRequests(result, reply, 'requests of a caller');
  }

  /** Cross-site request forgery: a page of another site uses the cookies of a person who visits it. */
  async #requireSameSite(principal: Principal, attempt: AccessAttempt): Promise<void> {
    const { request, rule } = attempt;
    const declared = rule.kind === 'permission' ? rule.changesState : undefined;
    const changesState = declared ?? !SAFE_METHODS.has(request.method);
    if (!changesState || rule.kind === 'client-exchange') return;
    if (!this.authenticator.usesCookies(request)) return;
    const site = unprovenSite(request);
    if (site === undefined) return;
    await this.#recordDenial(principal, attempt, 'cross-site-request', { site });
    throw new CrossSiteRequest();
  }

  async #authorize(principal: Principal, attempt: AccessAttempt): Promise<void> {
    const { rule } = attempt;
    if (rule.kind === 'signed-in') return;
    const [permission, ...others] = requiredOneOf(rule);
    const isForUsers = rule.kind === 'client-exchange' || rule.delegatedOnly;
    const isDelegationMissing = isForUsers && principal.kind !== 'user';
    const isPermitted = [permission, ...others].some((one) => principal.permissions.includes(one));
    if (isPermitted && !isDelegationMissing) return;
    const code = isDelegationMissing ? 'delegation-missing' : 'insufficient-permission';
    await this.#recordDenial(principal, attempt, code);
    throw new InsufficientPermission(permission, { isDelegationMissing });
  }

  async #recordDenial(
    principal: Principal,
    { request, context, rule }: AccessAttempt,
    code: DeniedCall['code'],
    more: Pick<DeniedCall, 'site'> = {},
  ): Promise<void> {
    const permission = rule.kind === 'signed-in' ? undefined : requiredOneOf(rule)[0];
    const route = request.routeOptions?.url ?? '';
    const place = { method: request.method, route };
    const denied = { code, ...(permission !== undefined && { permission }), ...place, ...more };
    this.log.denied(principal, denied, context);
    await this.auditor.recordDenied(principal, denied, context);
  }
}

/** @throws Error unless there is exactly one; `assertEveryRouteDeclaresAccess` finds this at start */
function accessRuleOf(execution: ExecutionContext): AccessRule {
  const [rule, ...rest] = accessRulesOf(execution.getHandler());
  if (rule === undefined || rest.length > 0)
    throw new Error('the route does not declare exactly one access rule');
  return rule;
}

function permissionOf(rule: SignInRule): Permission | undefined {
  return rule.kind === 'permission' ? rule.permission : undefined;
}

/** The permissions of which the caller needs one. */
function requiredOneOf(
  rule: Exclude<SignInRule, { kind: 'signed-in' }>,
): readonly [string, ...string[]] {
  return rule.kind === 'permission' ? [rule.permission] : CLIENT_APIS[rule.exchange].scopes;
}

/** What the caller learns of a rejection. */
function publicErrorFor({ reason }: TokenRejected): Error {
  if (UNAUTHENTICATED.has(reason)) return new Unauthenticated();
  if (reason === 'several-authorization-headers') return new AmbiguousCredentials();
  return new InvalidToken();
}

/** Sets the header fields of the IETF draft "RateLimit header fields for HTTP". */
function tooManyRequests(
  { limit, retryAfterSeconds }: Extract<RateLimitResult, { isAllowed: false }>,
  reply: HttpReply,
  counted: string,
): Error {
  reply.header('ratelimit-policy', `"minute";q=${limit};w=60`);
  reply.header('ratelimit', `"minute";r=0;t=${retryAfterSeconds}`);
  return new TooManyRequests({ retryAfterSeconds, facts: { counted, perMinute: limit } });
}
