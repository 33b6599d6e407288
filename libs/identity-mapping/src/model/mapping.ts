import type { AuditTarget } from '#libs/audit';
import type { ApplicationIdentity } from './application-identity.js';

/**
 * `pending` while ACS has not given an identity yet, then `active`; `suspended` gets no tokens;
 * `deleting` until ACS has confirmed, then `deleted`, a tombstone.
 */
export const MAPPING_STATUSES = ['pending', 'active', 'suspended', 'deleting', 'deleted'] as const;
export type MappingStatus = (typeof MAPPING_STATUSES)[number];

/** What ties an application identity to its communication identity within one ACS resource. */
export interface Mapping extends ApplicationIdentity {
  /** UUID; names the mapping in routes and audit entries. */
  readonly id: string;
  /** Name of the ACS resource that the mapping is pinned to. */
  readonly resource: string;
  readonly status: MappingStatus;
  /** `8:acs:…`; absent until ACS has given it. */
  readonly communicationUserId: string | undefined;
  readonly displayName: string | undefined;
  /** Grows by one with each change. */
  readonly version: number;
  /** Starts at 1; grows by one whenever every token of the identity stops being good. */
  readonly tokenGeneration: number;
  /** A revocation is owed to ACS and not confirmed yet. */
  readonly isRevoking: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When ACS had confirmed the deletion. */
  readonly deletedAt: Date | undefined;
}

/** A mapping that ACS has given an identity for. */
export interface ProvisionedMapping extends Mapping {
  readonly communicationUserId: string;
}

export function isEstablished(mapping: Mapping): mapping is ProvisionedMapping {
  return mapping.communicationUserId !== undefined;
}

/** The mapping as audit entries name it. */
export function auditTargetOf(mapping: Mapping): AuditTarget {
  const { id, kind, tenant, subject, resource, communicationUserId } = mapping;
  const target = { identityId: id, kind, tenant, subject, resource };
  return communicationUserId === undefined ? target : { ...target, communicationUserId };
}
