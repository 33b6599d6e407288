import { randomUUID } from 'node:crypto';
import type { GatewayCall } from '#libs/communication-services';
import { type Actor, type CallPriority, isPrincipal, type RequestContext } from '#libs/platform';
import type { Lease } from '../store/identity-map.js';

/** On whose behalf something is done. */
export interface CallContext {
  readonly actor: Actor;
  /** Absent for what the service does by itself. */
  readonly request?: RequestContext;
  /** Bulk work leaves the request budget to people who wait. Default: interactive. */
  readonly priority?: CallPriority;
}

/** A call to ACS about a mapping. The shares of the request budget are the caller's, not the target's. */
export function gatewayCallOf(
  {
    resource,
    tenant,
    subject,
  }: { readonly resource: string; readonly tenant: string; readonly subject: string },
  { actor, request, priority }: CallContext,
): GatewayCall {
  const caller = isPrincipal(actor) ? actor : undefined;
  return {
    resource,
    tenant: caller?.tenant ?? tenant,
    subject,
    ...(caller?.clientApp !== undefined && { clientApp: caller.clientApp }),
    ...(request && { request }),
    ...(priority && { priority }),
  };
}

/** The part of an audit event that says who did it. */
export function auditActorOf({ actor, request }: CallContext): {
  readonly actor: Actor;
  readonly request?: RequestContext;
} {
  return request ? { actor, request } : { actor };
}

/** A lease of a new holder. */
export function newLease(durationMs: number): Lease {
  return { holder: randomUUID(), durationMs };
}
