import type { AuditEvent } from '#libs/audit';
import type { GatewayCall } from '#libs/communication-services';
import { type CallContext, isPrincipal } from '#libs/platform';
import type { Mapping } from '../model/mapping.js';

/**
 * A call to ACS about a mapping. It counts against the budget share of the caller's tenant and client
 * application, not of the mapping's.
 */
export function gatewayCallOf(
  { resource, tenant, subject }: Pick<Mapping, 'resource' | 'tenant' | 'subject'>,
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

/** The members of an audit event that name the actor and its request. */
export function auditActorOf({
  actor,
  request,
}: CallContext): Pick<AuditEvent, 'actor' | 'request'> {
  return request ? { actor, request } : { actor };
}
