import { setTimeout as delay } from 'node:timers/promises';
import type { AccessTokens } from '../entra/access-tokens.js';
import type { Route, ServiceReply, ServiceRequest } from '../route.js';
import { tooManyRequests, unsupportedApiVersion } from './acs-errors.js';
import type { AcsAssignments } from './assignments.js';
import type { AcsTokens } from './acs-tokens.js';
import type { AcsIdentities } from './identities.js';
import type { LimitedOperation } from './limits.js';
import type { AcsResource } from './resource.js';
import type { AcsOperation, AcsSettings } from './settings.js';

/** What the operations of one ACS resource work on. */
export interface AcsDependencies {
  readonly resource: AcsResource;
  readonly identities: AcsIdentities;
  readonly assignments: AcsAssignments;
  readonly tokens: AcsTokens;
  readonly entraTokens: AccessTokens;
  readonly settings: () => AcsSettings;
  readonly isOwnHost: (host: string) => boolean;
}

interface AcsRoute<Caller> {
  readonly method: string;
  readonly path: RegExp;
  readonly operation: AcsOperation;
  /** The versions of the API that have the operation. */
  readonly versions: readonly string[];
  /** @throws HttpError 401 */
  readonly authenticate: (request: ServiceRequest) => Caller;
  readonly handle: (request: ServiceRequest, caller: Caller) => ServiceReply;
}

/** A route that authenticates its caller, checks the version and takes as long as the settings say. */
export function acsRoute<Caller>(
  { settings }: Pick<AcsDependencies, 'settings'>,
  { method, path, operation, versions, authenticate, handle }: AcsRoute<Caller>,
): Route {
  return {
    method,
    path,
    operation,
    handle: async (request) => {
      const caller = authenticate(request);
      checkApiVersion(request, versions);
      const { latencyMs } = settings();
      const waitMs = typeof latencyMs === 'number' ? latencyMs : (latencyMs[operation] ?? 0);
      if (waitMs > 0) await delay(waitMs, undefined, { ref: false });
      return handle(request, caller);
    },
  };
}

/** Counts a request before its content is looked at: one that is refused accrues as well. */
export function takeFromLimit(
  { resource, settings }: Pick<AcsDependencies, 'resource' | 'settings'>,
  operation: LimitedOperation,
): void {
  const waitMs = resource.limits.take(operation, settings());
  if (waitMs === 0) return;
  throw tooManyRequests(settings().sendRetryAfter ? Math.ceil(waitMs / 1000) : undefined);
}

function checkApiVersion(request: ServiceRequest, versions: readonly string[]): void {
  const given = request.query.get('api-version');
  if (given === null || !versions.includes(given)) throw unsupportedApiVersion(given, versions);
}
