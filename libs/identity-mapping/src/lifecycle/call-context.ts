import type { GatewayCall } from '#libs/communication-services';
import { type CallContext, isPrincipal } from '#libs/platform';
import type { Mapping } from '../model/mapping.js';
import type { Lease } from '../store/identity-map.js';

/**
 * A call to ACS about a mapping. It counts against the budget share of the caller's tenant and client
 * application, not of the mapping's.
 *
 * @param lease without which the call must not be made
 */
export function gatewayCallOf(
  { resource, tenant, subject }: Pick<Mapping, 'resource' | 'tenant' | 'subject'>,
  { actor, request, priority }: CallContext,
  lease?: Lease,
): GatewayCall {
  const caller = isPrincipal(actor) ? actor : undefined;
  return {
    resource,
    tenant: caller?.tenant ?? tenant,
    subject,
    ...(caller?.clientApp !== undefined && { clientApp: caller.clientApp }),
    ...(request && { request }),
    ...(priority && { priority }),
    ...(lease && { rightEndsAt: lease.endsAt }),
  };
}

export { auditActorOf } from '#libs/audit';
