import type { AuditEvent } from '#libs/audit';
import type { ApplicationIdentity, ProvisionedMapping } from '#libs/identity-mapping';
import type { TransactionalWrite } from '#libs/audit';
import {
  type CallContext,
  isPrincipal,
  type Principal,
  type RequestContext,
  type VisitorActor,
} from '#libs/platform';
import type { PolicySubject } from '../policy/issuance-policy.js';

/** An authenticated caller, or a visitor, and its request. */
export interface CallerContext<
  Caller extends Principal | VisitorActor = Principal,
> extends CallContext<Caller> {
  readonly request: RequestContext;
}

/** A request for a token of one application identity. */
export interface IssuanceRequest extends CallerContext<Principal | VisitorActor> {
  /** The identity that the token is for. */
  readonly identity: ApplicationIdentity;
  /** Whether `identity` is another one than the caller's own. */
  readonly isForOthers: boolean;
  /** Absent until it is known. */
  readonly mapping?: ProvisionedMapping;
  /** What the entries of an exchange say in addition. */
  readonly exchange?: Pick<AuditEvent, 'target' | 'details'>;
  /** A condition of the release of the token: commits with its entry, or refuses it. */
  readonly admission?: Admission;
}

/** @param expiresOn of the token */
export type Admission = (expiresOn: Date) => TransactionalWrite;

/** What the issuance policy decides by. */
export function policySubjectOf({ actor, identity, isForOthers }: IssuanceRequest): PolicySubject {
  const { kind, tenant } = identity;
  if (!isPrincipal(actor)) return { kind, tenant, permissions: [], isGuest: true, isForOthers };
  const { clientApp, permissions, isGuest } = actor;
  // Unknown counts as a guest, so that no token escapes the rules about guests by what it lacks.
  return { kind, tenant, clientApp, permissions, isGuest: isGuest !== false, isForOthers };
}
