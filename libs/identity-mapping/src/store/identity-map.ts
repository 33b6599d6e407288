import type { TransactionalWrite } from '#libs/audit';
import type { ApplicationIdentity, IdentityKind } from '../model/application-identity.js';
import type { ProvisionedMapping, Mapping, MappingStatus } from '../model/mapping.js';

/** The right to do what a mapping owes ACS; ends by itself. */
export interface Lease {
  /** UUID of the attempt that holds it. */
  readonly holder: string;
  readonly durationMs: number;
}

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

/** Which mappings to list, in the order of their ids, which is that of their creation. */
export interface MappingSearch {
  /** Left out: every tenant. */
  readonly tenant?: string | undefined;
  readonly kind?: IdentityKind | undefined;
  readonly subject?: string | undefined;
  readonly communicationUserId?: string | undefined;
  /** Left out: all but the deleted ones. */
  readonly status?: MappingStatus | undefined;
  /** Only those behind this id. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** An identity that exists at ACS, or may, though no mapping leads to it. */
export interface Orphan {
  readonly communicationUserId: string;
  /** The mapping that it was made for. */
  readonly mapping: Mapping;
}

/**
 * Where mappings are kept: at most one that is not deleted for each application identity and ACS
 * resource, and each communication identity in at most one, ever.
 *
 * What changes a mapping that somebody may rely on comes as a `Change`: it takes effect only in the
 * transaction that records it in the audit trail.
 */
export abstract class IdentityMap {
  /**
   * @param resource which one is preferred, when the identity has mappings in several
   * @returns a mapping that is not deleted, or `undefined` when there is none
   */
  abstract find(
    identity: Omit<ApplicationIdentity, 'kind'>,
    resource: string,
  ): Promise<Mapping | undefined>;

  /** @returns the mapping, even a deleted one */
  abstract get(id: string): Promise<Mapping | undefined>;

  /** @returns those of the mappings that exist, even deleted ones, in any order */
  abstract findByCommunicationUserIds(ids: readonly string[]): Promise<readonly Mapping[]>;

  /** @returns those that exist and are not deleted, in any order, in whichever resources */
  abstract findBySubjects(
    subjects: readonly Omit<ApplicationIdentity, 'kind'>[],
  ): Promise<readonly Mapping[]>;

  /** @returns every mapping of the subject, in whichever resources, the deleted ones too */
  abstract listSubject(tenant: string, subject: string): Promise<readonly Mapping[]>;

  abstract search(search: MappingSearch): Promise<readonly Mapping[]>;

  /**
   * Asks for the right to create. Of callers that race, in any number of processes, one wins.
   *
   * @throws IdentityKindConflict when the identity is mapped under another kind
   */
  abstract claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim>;

  /** Gives an abandoned mapping to a new lease. The change rejects with `LeaseLost` when another was faster. */
  abstract takeOver(mappingId: string, lease: Lease): TransactionalWrite;

  /** `pending` → `active`, the next version. The change rejects with `LeaseLost` when the lease is no longer the holder's. */
  abstract activate(active: ProvisionedMapping, lease: Lease): TransactionalWrite;

  /** Gives up a lease, to be used when ACS surely has made no identity: the next caller wins at once. */
  abstract release(mappingId: string, lease: Lease): Promise<void>;

  /** Gives up a lease when ACS may have made an identity whose id is lost. */
  abstract releaseUnknown(mappingId: string, lease: Lease): TransactionalWrite;

  /**
   * Stores new mappings, all or none. The change rejects with `MappingChanged` when an application
   * or a communication identity among them is stored already.
   */
  abstract add(mappings: readonly Mapping[], dueInMs?: number): TransactionalWrite;

  /**
   * Replaces a mapping by its next version. The change rejects with `MappingChanged` when the stored
   * one is no longer `known`, or somebody is creating its identity.
   *
   * @param lease who does what the next version owes ACS; left out: as it was
   */
  abstract replace(known: Mapping, next: Mapping, lease?: Lease): TransactionalWrite;

  /** ACS has confirmed the revocation. The change rejects with `MappingChanged` when a later one is owed. */
  abstract finishRevocation(mapping: Mapping): TransactionalWrite;

  /** `deleting` → `deleted`, without its personal data. The change rejects with `MappingChanged` when that is done. */
  abstract finishDeletion(mappingId: string): TransactionalWrite;

  /** Keeps an identity that has to be deleted at ACS. The change rejects with `MappingChanged` when it is kept already. */
  abstract addOrphan(orphan: Orphan, lease: Lease): TransactionalWrite;

  /** ACS has confirmed the deletion. The change rejects with `MappingChanged` when that is done. */
  abstract finishOrphan(communicationUserId: string): TransactionalWrite;

  /**
   * Takes over mappings whose lease has ended: pending ones, and those that owe ACS a deletion or a
   * revocation. Of sweepers that race, each gets others.
   */
  abstract claimOverdue(limit: number, lease: Lease): Promise<readonly Mapping[]>;

  /** Takes over orphans in the same way. */
  abstract claimOverdueOrphans(limit: number, lease: Lease): Promise<readonly Orphan[]>;
}
