import type { TransactionalWrite } from '#libs/audit';
import type { CanonicalName, CommunicationUserId, Lease } from '#libs/platform';
import type {
  ApplicationIdentity,
  IdentityKind,
  Mapping,
  MappingStatus,
  ProvisionedMapping,
  TenantSubject,
} from '../model/mapping.js';

export { type Lease, newLease } from '#libs/platform';

/**
 * The result of a claim:
 *
 * - `acquired`: a pending mapping under the caller's lease; ACS has not been called.
 * - `expired`: a pending mapping whose lease has expired, so that ACS may have been called. `takeOver`
 *   gives it to the caller.
 * - `held`: the stored mapping; another caller holds its lease, or it is no longer pending.
 */
export interface Claim {
  readonly outcome: 'acquired' | 'expired' | 'held';
  readonly mapping: Mapping;
}

/** Filters and page of a search, which lists mappings in the order of their ids, oldest first. */
export interface MappingSearch {
  /** Absent: every tenant. */
  readonly tenant?: CanonicalName | undefined;
  readonly kind?: IdentityKind | undefined;
  readonly subject?: CanonicalName | undefined;
  readonly communicationUserId?: CommunicationUserId | undefined;
  /** What the display name begins with, in upper or lower case. */
  readonly displayName?: string | undefined;
  /** Absent: all but `deleted`. */
  readonly status?: MappingStatus | undefined;
  /** Only mappings after this id. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** An identity that exists at ACS and that no mapping leads to. */
export interface Orphan {
  readonly communicationUserId: CommunicationUserId;
  /** The mapping that it was created for. */
  readonly mapping: Mapping;
}

/**
 * The store of mappings. It takes at most one mapping that is not deleted for each application identity,
 * in all ACS resources, and never maps a communication identity twice.
 *
 * A change is returned as a `TransactionalWrite`, which takes effect in the transaction that records
 * it in the audit trail. Where it says that the change rejects, nothing is recorded either.
 */
export abstract class IdentityMap {
  /**
   * @returns the mapping of a person that is not deleted, or `undefined`. Of several, from before a person
   *   had one in all resources, the one that decides: one that is suspended or being deleted, if there is one
   */
  abstract find(person: TenantSubject): Promise<Mapping | undefined>;

  /** @returns all mappings of a person that are not deleted; the first is that of `find` */
  abstract findAll(person: TenantSubject): Promise<readonly Mapping[]>;

  /** @returns whether a caller has the lease of a pending mapping of the person, also one that has expired */
  abstract isBeingCreated(person: TenantSubject): Promise<boolean>;

  /** @returns the mapping, also a deleted one */
  abstract get(id: string): Promise<Mapping | undefined>;

  /** @returns the mappings that exist, also deleted ones, in any order */
  abstract findByCommunicationUserIds(
    ids: readonly CommunicationUserId[],
  ): Promise<readonly Mapping[]>;

  /** @returns the mappings that exist and are not deleted, of all resources, in any order */
  abstract findBySubjects(subjects: readonly TenantSubject[]): Promise<readonly Mapping[]>;

  /** @returns all mappings of the subject, of all resources, also deleted ones */
  abstract listSubject(tenant: CanonicalName, subject: CanonicalName): Promise<readonly Mapping[]>;

  abstract search(search: MappingSearch): Promise<readonly Mapping[]>;

  /**
   * Claims the right to create the communication identity. Of callers that race, in any number of
   * processes, one acquires it.
   *
   * @param resource of a new mapping; one that exists stays in its own
   * @throws IdentityKindConflict when the identity is mapped under another kind
   */
  abstract claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim>;

  /** Puts a mapping whose lease has expired under a new one. Rejects with `LeaseLost` when another caller was faster. */
  abstract takeOver(mappingId: string, lease: Lease): TransactionalWrite;

  /** `pending` → `active`, the next version. Rejects with `LeaseLost` when the lease was taken over. */
  abstract activate(active: ProvisionedMapping, lease: Lease): TransactionalWrite;

  /** Ends a lease when ACS has certainly created no identity: the next claim acquires the mapping. */
  abstract release(mappingId: string, lease: Lease): Promise<void>;

  /** Ends a lease when ACS may have created an identity whose id is lost. */
  abstract releaseUnknown(mappingId: string, lease: Lease): TransactionalWrite;

  /**
   * Stores new mappings, all or none. Rejects with `MappingChanged` when one of their application or
   * communication identities is stored already, or is an orphan. A revocation to do is overdue at once.
   */
  abstract add(mappings: readonly Mapping[]): TransactionalWrite;

  /**
   * Replaces a mapping by its next version. Rejects with `MappingChanged` when the stored version is
   * not `known`, while its identity is being created, and when its new communication identity is taken.
   *
   * @param lease of the caller that calls ACS for the next version; absent: the lease stays
   */
  abstract replace(known: Mapping, next: Mapping, lease?: Lease): TransactionalWrite;

  /** ACS has confirmed the revocation. Rejects with `MappingChanged` when there is a later one. */
  abstract finishRevocation(mapping: Mapping): TransactionalWrite;

  /** `deleting` → `deleted`, without personal data. Rejects with `MappingChanged` when it is not `deleting`. */
  abstract finishDeletion(mappingId: string): TransactionalWrite;

  /**
   * Changes nothing. Rejects with `MappingChanged` unless the mapping is active, is not being revoked and
   * has the same token generation, and its person has none that is suspended or being deleted: with the
   * entry of a token, it is serial with every revocation.
   */
  abstract expectUnchanged(mapping: ProvisionedMapping): TransactionalWrite;

  /**
   * Changes nothing. Rejects with `MappingChanged` when the subject has a mapping that may get no tokens, or
   * whose tokens were ever revoked: as `expectUnchanged`, for a subject that had no mapping.
   */
  abstract expectUnrevoked(subject: TenantSubject): TransactionalWrite;

  /**
   * Stores an identity that is to be deleted at ACS. Rejects with `MappingChanged` when it is stored already,
   * or a mapping leads to it.
   */
  abstract addOrphan(orphan: Orphan, lease: Lease): TransactionalWrite;

  /** @returns whether the identity is an orphan, also one that is deleted: no mapping can lead to it */
  abstract isOrphan(communicationUserId: CommunicationUserId): Promise<boolean>;

  /** ACS has confirmed the deletion. Rejects with `MappingChanged` when that is recorded already. */
  abstract finishOrphan(communicationUserId: CommunicationUserId): TransactionalWrite;

  /** @returns the names of the ACS resources to which something is owed, also what is under a lease */
  abstract owedResources(): Promise<readonly string[]>;

  /**
   * Takes over mappings of a resource whose lease has expired: pending ones, and those with a deletion or a
   * revocation to do. Of workers that race, each gets others. A deletion that the log does not have is left.
   */
  abstract claimOverdue(resource: string, limit: number, lease: Lease): Promise<readonly Mapping[]>;

  /** @returns the names of the ACS resources with orphans that are to be deleted, also those under a lease */
  abstract owedOrphanResources(): Promise<readonly string[]>;

  /** Takes over orphans in the same way. One that a mapping leads to, or that the log does not have, is left. */
  abstract claimOverdueOrphans(
    resource: string,
    limit: number,
    lease: Lease,
  ): Promise<readonly Orphan[]>;
}
