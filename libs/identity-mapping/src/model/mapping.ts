import type { AuditTarget } from '#libs/audit';
import { ascendingUuidV7, type CanonicalName, type CommunicationUserId } from '#libs/platform';

/** The kinds of those who sign in. */
export const CALLER_KINDS = ['user', 'service', 'bot'] as const;
/** The kinds of application identities. A visitor has an identity for one purpose, and no sign-in. */
export const IDENTITY_KINDS = [...CALLER_KINDS, 'visitor'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** The identity of a caller at its identity provider. For Entra, `tenant` is `tid` and `subject` is `oid`. */
export interface ApplicationIdentity {
  readonly tenant: CanonicalName;
  readonly subject: CanonicalName;
  readonly kind: IdentityKind;
}

/** A subject within its tenant, under whichever kind. */
export type TenantSubject = Pick<ApplicationIdentity, 'tenant' | 'subject'>;

/**
 * `pending` until ACS has created the identity, then `active`. `suspended` gets no tokens. `deleting`
 * until ACS has confirmed, then `deleted`, which stays as a tombstone.
 */
export const MAPPING_STATUSES = ['pending', 'active', 'suspended', 'deleting', 'deleted'] as const;
export type MappingStatus = (typeof MAPPING_STATUSES)[number];

/** The communication identity of an application identity within one ACS resource. */
export interface Mapping extends ApplicationIdentity {
  /** UUID; identifies the mapping in routes and audit entries. */
  readonly id: string;
  /** Name of the ACS resource. Never changes. */
  readonly resource: string;
  readonly status: MappingStatus;
  /** `8:acs:…`; `undefined` until ACS has created the identity. */
  readonly communicationUserId: CommunicationUserId | undefined;
  readonly displayName: string | undefined;
  /** Starts at 1; grows by one with each change. */
  readonly version: number;
  /** Starts at 1; grows by one when all tokens of the identity are revoked. */
  readonly tokenGeneration: number;
  /** Whether ACS has not confirmed a revocation yet. */
  readonly isRevoking: boolean;
  /** Whether a mass revocation that is under way has not reached it yet. Never stored. */
  readonly awaitsRevocation: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When ACS confirmed the deletion. */
  readonly deletedAt: Date | undefined;
}

/** A mapping whose communication identity exists at ACS. */
export interface ProvisionedMapping extends Mapping {
  readonly communicationUserId: CommunicationUserId;
}

/** A mapping in its first version, to be stored. Default status: pending. */
export function newMapping(
  members: ApplicationIdentity &
    Pick<Mapping, 'resource'> &
    Partial<Pick<Mapping, 'status' | 'communicationUserId' | 'displayName' | 'isRevoking'>>,
  nowMs: number,
): Mapping {
  return {
    status: 'pending',
    communicationUserId: undefined,
    displayName: undefined,
    isRevoking: false,
    awaitsRevocation: false,
    ...members,
    id: ascendingUuidV7(nowMs),
    version: 1,
    tokenGeneration: 1,
    createdAt: new Date(nowMs),
    updatedAt: new Date(nowMs),
    deletedAt: undefined,
  };
}

/** The reason in the entries about an identity that no mapping leads to. */
export const ORPHANED = 'orphaned';

export function isProvisioned(mapping: Mapping): mapping is ProvisionedMapping {
  return mapping.communicationUserId !== undefined;
}

/** The mapping as audit entries name it. */
export function auditTargetOf(mapping: Mapping): AuditTarget {
  const { id, kind, tenant, subject, resource, communicationUserId } = mapping;
  const target = { identityId: id, kind, tenant, subject, resource };
  return communicationUserId === undefined ? target : { ...target, communicationUserId };
}
