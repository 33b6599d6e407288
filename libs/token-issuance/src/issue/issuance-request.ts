import type { AuditEvent } from '#libs/audit';
import type { ApplicationIdentity, ProvisionedMapping } from '#libs/identity-mapping';
import type { CallContext, Principal, RequestContext } from '#libs/platform';
import type { PolicySubject } from '../policy/issuance-policy.js';

/** An authenticated caller and its request. */
export interface CallerContext extends CallContext<Principal> {
  readonly request: RequestContext;
}

/** A request for a token of one application identity. */
export interface IssuanceRequest extends CallerContext {
  /** The identity that the token is for. */
  readonly identity: ApplicationIdentity;
  /** Whether `identity` is another one than the caller's own. */
  readonly isForOthers: boolean;
  /** Absent until it is known. */
  readonly mapping?: ProvisionedMapping;
  /** What the entries of an exchange say in addition. */
  readonly exchange?: Pick<AuditEvent, 'target' | 'details'>;
}

/** What the issuance policy decides by. */
export function policySubjectOf({ actor, identity, isForOthers }: IssuanceRequest): PolicySubject {
  const { clientApp, permissions, isGuest } = actor;
  const { kind, tenant } = identity;
  // Unknown counts as a guest, so that no token escapes the rules about guests by what it lacks.
  return { kind, tenant, clientApp, permissions, isGuest: isGuest !== false, isForOthers };
}
