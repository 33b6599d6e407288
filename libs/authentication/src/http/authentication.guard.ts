import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { AuditTrail } from '#libs/audit';
import type { RequestContext } from '#libs/platform';
import { type AccessRule, accessRulesOf } from './access-rule.js';
import {
  AmbiguousCredentials,
  InsufficientClaims,
  InsufficientPermission,
  InvalidToken,
  TooManyRequests,
  Unauthenticated,
} from '../errors.js';
import { Authenticator } from './authenticator.js';
import { ClaimsChallenge } from '../bearer/claims-required.js';
import { rememberPrincipal } from './current-principal.js';
import { DenialAggregator } from '../rate-limit/denial-aggregator.js';
import type { HttpReply, HttpRequest } from './http-request.js';
import type { Principal } from '../access/principal.js';
import { RequestContexts } from './request-contexts.js';
import { type RateLimitResult, RateLimiter } from '../rate-limit/rate-limiter.js';
import { TokenRejected } from '../bearer/token-refused.js';

type PermissionRule = Extract<AccessRule, { kind: 'permission' }>;

/** One request on its way through the guard. */
interface Visit {
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly context: RequestContext;
  readonly rule: PermissionRule;
}

/**
 * The front door: lets a request in when its route's one access rule does. Closed by default.
 *
 * The reason for a refusal goes to the audit log in detail and to the caller in general terms.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly contexts: RequestContexts,
    private readonly limits: RateLimiter,
    private readonly tally: DenialAggregator,
    private readonly trail: AuditTrail,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const http = execution.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const context = this.contexts.of(request);
    const rule = onlyRuleOf(execution);
    if (rule.kind === 'public') return true;
    const visit: Visit = { request, reply: http.getResponse<HttpReply>(), context, rule };
    const principal = await this.#authenticate(visit);
    await this.#limit(principal, visit);
    await this.#authorize(principal, visit);
    rememberPrincipal(request, principal);
    return true;
  }

  async #authenticate(visit: Visit): Promise<Principal> {
    try {
      return await this.authenticator.authenticate(visit.request, visit.rule.permission);
    } catch (error) {
      if (error instanceof TokenRejected) throw await this.#refused(error, visit);
      if (error instanceof ClaimsChallenge) throw await this.#challenged(error, visit);
      throw error;
    }
  }

  /** Good credentials pass whatever came from their address before: only refusals are limited. */
  async #refused(refusal: TokenRejected, { context, reply }: Visit): Promise<Error> {
    const { reason: code, detail } = refusal;
    await this.tally.add({
      action: 'authentication.reject',
      actor: { kind: 'unauthenticated' },
      reason: { code, ...(detail !== undefined && { detail }) },
      request: context,
    });
    const answer = await this.limits.countFailure(context);
    return answer.isAllowed ? answerTo(refusal) : tooMany(answer, reply);
  }

  async #challenged({ principal, claims }: ClaimsChallenge, visit: Visit): Promise<Error> {
    await this.#limit(principal, visit);
    await this.#recordDenial(principal, visit, 'insufficient-claims');
    return new InsufficientClaims(JSON.stringify(claims));
  }

  async #limit(principal: Principal, { context, reply }: Visit): Promise<void> {
    const answer = await this.limits.countRequest(principal);
    if (answer.isAllowed) return;
    await this.tally.add({
      action: 'request.limit',
      actor: principal,
      reason: { code: 'too-many-requests' },
      request: context,
    });
    throw tooMany(answer, reply);
  }

  async #authorize(principal: Principal, visit: Visit): Promise<void> {
    const { permission, delegatedOnly } = visit.rule;
    const isDelegationMissing = delegatedOnly && principal.kind !== 'user';
    if (principal.permissions.includes(permission) && !isDelegationMissing) return;
    const code = isDelegationMissing ? 'delegation-missing' : 'insufficient-permission';
    await this.#recordDenial(principal, visit, code);
    throw new InsufficientPermission(permission, { isDelegationMissing });
  }

  async #recordDenial(
    actor: Principal,
    { request, context, rule }: Visit,
    code: string,
  ): Promise<void> {
    await this.trail.record({
      action: 'authorization.deny',
      outcome: 'denied',
      actor,
      reason: { code },
      request: context,
      details: {
        permission: rule.permission,
        method: request.method,
        route: request.routeOptions?.url ?? '',
      },
    });
  }
}

/** Fails closed: `assertEveryRouteDeclaresAccess` keeps such an application from starting. */
function onlyRuleOf(execution: ExecutionContext): AccessRule {
  const [rule, ...rest] = accessRulesOf(execution.getHandler());
  if (rule === undefined || rest.length > 0)
    throw new Error('the route does not declare exactly one access rule');
  return rule;
}

/** What the caller learns. */
function answerTo({ reason }: TokenRejected): Error {
  if (reason === 'no-credentials' || reason === 'other-scheme') return new Unauthenticated();
  if (reason === 'several-authorization-headers') return new AmbiguousCredentials();
  return new InvalidToken();
}

/** The fields are those of the IETF's draft "RateLimit header fields for HTTP". */
function tooMany(
  { limit, retryAfterSeconds }: Extract<RateLimitResult, { isAllowed: false }>,
  reply: HttpReply,
): Error {
  reply.header('ratelimit-policy', `"minute";q=${limit};w=60`);
  reply.header('ratelimit', `"minute";r=0;t=${retryAfterSeconds}`);
  return new TooManyRequests({ retryAfterSeconds });
}
