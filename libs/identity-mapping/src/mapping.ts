import type { ApplicationIdentity } from './application-identity.js';

/**
 * `pending` while ACS is asked for an identity, then `active`; `suspended` gets no tokens;
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
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A mapping that ACS has given an identity for. */
export interface EstablishedMapping extends Mapping {
  readonly communicationUserId: string;
}
