import type { TransactionalWrite } from '#libs/audit';
import type { AssignmentHolder } from '#libs/communication-services';
import type { Guid, Lease } from '#libs/platform';
import type { Assignment, AssignmentStatus, OwedAssignment } from '../assignment.js';

/** Filters and page of a search, which lists assignments in the order of their ids, oldest first. */
export interface AssignmentSearch {
  /** Absent: every tenant. */
  readonly tenant?: Guid | undefined;
  /** Absent: all but `deleted`. */
  readonly status?: AssignmentStatus | undefined;
  /** Only assignments after this id. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Assignments that meet every given condition. None given: all. */
export interface AssignmentSelection {
  readonly tenant?: Guid | undefined;
  /** Name of the ACS resource. */
  readonly resource?: string | undefined;
  /** Assignments under which this application may have tokens: it gets them, or got them before the change. */
  readonly clientId?: Guid | undefined;
  readonly createdBefore?: Date | undefined;
}

/** An assignment under a lease. */
export interface HeldAssignment {
  readonly assignment: OwedAssignment;
  /** Whether the holder before has recorded no outcome of its call: its process has died. */
  readonly isTakeover: boolean;
}

/**
 * The store of assignments: what ACS should have, because ACS can't list what it has. It holds at most one
 * assignment that is not deleted for each principal.
 *
 * One that is `pending`, `renewing` or `deleting` is owed to ACS. The holder of its lease calls ACS, so that no two
 * calls about one principal are under way.
 *
 * Writes take effect in the transaction that records them in the audit trail. Where one rejects, nothing
 * is recorded either.
 */
export abstract class AssignmentStore {
  /** @returns the assignment that is not deleted, or the last deleted one */
  abstract find(holder: AssignmentHolder): Promise<Assignment | undefined>;

  /**
   * A condition: rejects with `AssignmentChanged` when `find` would give another assignment or version than
   * `known`, or one whose tokens are being revoked.
   */
  abstract expectUnchanged(
    holder: AssignmentHolder,
    known: Assignment | undefined,
  ): TransactionalWrite;

  abstract get(id: string): Promise<Assignment | undefined>;

  abstract search(search: AssignmentSearch): Promise<readonly Assignment[]>;

  /** @returns whether the principal has an identity here that is suspended or being deleted */
  abstract isBarred(holder: AssignmentHolder): Promise<boolean>;

  /**
   * Stores a new assignment that is owed at once. Rejects with `AssignmentChanged` when its principal has
   * one that is not deleted, or is barred from one that is `pending`.
   */
  abstract add(assignment: Assignment): TransactionalWrite;

  /**
   * Replaces an assignment by its next version, which is owed at once or when the holder of the lease has
   * finished. Rejects with `AssignmentChanged` when the stored version is not `known`, or is deleted, or when
   * the principal is barred from one that is not to be deleted.
   */
  abstract replace(known: Assignment, next: Assignment): TransactionalWrite;

  /**
   * Acquires or renews the lease of an assignment that is owed.
   *
   * @returns the assignment as it is now; `undefined` when nothing is owed, or another lease has not expired
   */
  abstract hold(id: string, lease: Lease): Promise<HeldAssignment | undefined>;

  /** Ends a lease when ACS has certainly changed nothing: the next holder may call at once. */
  abstract release(id: string, lease: Lease): Promise<void>;

  /**
   * Gives up a lease when the outcome of the call is unknown. It lasts until it expires, because ACS may
   * still act on the call. Rejects with `AssignmentChanged` when the lease is another holder's.
   */
  abstract releaseUnknown(id: string, lease: Lease): TransactionalWrite;

  /**
   * Stores what ACS has confirmed: `next` is `active` or `deleted`, or `pending` and owed at once. Rejects with `AssignmentChanged` when
   * the stored version is not `known`, or when the lease is another holder's.
   */
  abstract finish(known: Assignment, next: Assignment, lease: Lease): TransactionalWrite;

  /**
   * Makes the next version of an assignment that is `pending`, `active` or `renewing`: one that is
   * `renewing`, and owed at once or when the holder of the lease has finished.
   */
  abstract renew(holder: AssignmentHolder): TransactionalWrite;

  /**
   * Stores as `renewing` what mass revocations have begun to renew: from their start on, `find` and its like
   * show it so. The rows are changed outside the transaction of the start, in batches.
   *
   * @param signal ends it between two batches
   */
  abstract markRenewals(signal?: AbortSignal): Promise<void>;

  /** How many assignments of the selection are `pending`, `active` or `renewing`, by the name of their ACS resource. */
  abstract countRenewable(selection: AssignmentSelection): Promise<ReadonlyMap<string, number>>;

  /**
   * How many assignments of the selection have tokens from before a mass revocation that ACS may still accept,
   * by the name of their ACS resource.
   *
   * @param revocation its number
   */
  abstract countLeft(
    selection: AssignmentSelection,
    revocation: number,
  ): Promise<ReadonlyMap<string, number>>;

  /** @returns the names of the ACS resources to which assignments are owed, also those under a lease */
  abstract owedResources(): Promise<readonly string[]>;

  /** @returns ids of assignments that are owed to the resource and under no lease, or one that has expired */
  abstract overdue(resource: string, limit: number): Promise<readonly string[]>;
}
