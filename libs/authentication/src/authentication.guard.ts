import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { AuditTrail } from '#libs/audit';
import { Logger, type RequestContext } from '#libs/platform';
import { type AccessRule, accessRulesOf } from './access.js';
import {
  AmbiguousCredentials,
  InsufficientPermission,
  InvalidToken,
  Unauthenticated,
} from './authentication-errors.js';
import { Authenticator } from './authenticator.js';
import { rememberPrincipal } from './current-principal.js';
import type { HttpRequest } from './http-request.js';
import type { Principal } from './principal.js';
import { RefusalLog } from './refusal-log.js';
import { RequestContexts } from './request-contexts.js';
import { TokenRefused } from './token-refused.js';

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
    private readonly refusals: RefusalLog,
    private readonly trail: AuditTrail,
    private readonly logger: Logger,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const request = execution.switchToHttp().getRequest<HttpRequest>();
    const context = this.contexts.of(request);
    const rule = onlyRuleOf(execution);
    if (rule.kind === 'public') return true;
    const principal = await this.#authenticate(request, context);
    await this.#authorize(principal, rule, request, context);
    rememberPrincipal(request, principal);
    return true;
  }

  async #authenticate(request: HttpRequest, context: RequestContext): Promise<Principal> {
    try {
      return await this.authenticator.authenticate(request);
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      const { requestId } = context;
      this.logger.debug({ requestId, reason: error.reason }, 'credentials refused');
      await this.refusals.add(error, context);
      throw answerTo(error);
    }
  }

  async #authorize(
    principal: Principal,
    { permission, delegatedOnly }: Extract<AccessRule, { kind: 'permission' }>,
    request: HttpRequest,
    context: RequestContext,
  ): Promise<void> {
    const isDelegationMissing = delegatedOnly && principal.kind !== 'user';
    if (principal.permissions.includes(permission) && !isDelegationMissing) return;
    await this.trail.record({
      action: 'authorization.deny',
      outcome: 'denied',
      actor: principal,
      reason: { code: isDelegationMissing ? 'delegation-missing' : 'insufficient-permission' },
      request: context,
      details: {
        permission,
        method: request.method,
        route: request.routeOptions?.url ?? '',
      },
    });
    throw new InsufficientPermission(permission, { isDelegationMissing });
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
function answerTo({ reason }: TokenRefused): Error {
  if (reason === 'no-credentials' || reason === 'other-scheme') return new Unauthenticated();
  if (reason === 'several-authorization-headers') return new AmbiguousCredentials();
  return new InvalidToken();
}
