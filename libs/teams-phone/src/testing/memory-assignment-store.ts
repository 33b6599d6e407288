import type { TransactionalWrite } from '#libs/audit';
import type { AssignmentHolder } from '#libs/communication-services';
import type { Clock, Lease } from '#libs/platform';
import { type Assignment, type AssignmentStatus, isOwed, isRevoking } from '../assignment.js';
import { AssignmentChanged } from '../errors.js';
import {
  type AssignmentSearch,
  type AssignmentSelection,
  AssignmentStore,
  type HeldAssignment,
} from '../store/assignment-store.js';

interface Row {
  assignment: Assignment;
  lease: { readonly holder: string | undefined; readonly expiresAt: number } | undefined;
}

/** Assignments in memory, for tests. */
export class MemoryAssignmentStore extends AssignmentStore {
  readonly #rows: Row[] = [];

  /** @param barred whether the identity of a principal is suspended or being deleted */
  constructor(
    private readonly clock: Clock,
    private readonly barred: (holder: AssignmentHolder) => boolean = () => false,
  ) {
    super();
  }

  async isBarred(holder: AssignmentHolder): Promise<boolean> {
    return Promise.resolve(this.barred(holder));
  }

  async find(holder: AssignmentHolder): Promise<Assignment | undefined> {
    await Promise.resolve();
    return (this.#live(holder) ?? this.#rows.findLast((row) => isOf(row, holder)))?.assignment;
  }

  expectUnchanged(holder: AssignmentHolder, known?: Assignment): TransactionalWrite {
    return async () => {
      const stored = await this.find(holder);
      const isSame = stored?.id === known?.id && stored?.version === known?.version;
      if (!isSame || (stored && isRevoking(stored))) throw new AssignmentChanged();
    };
  }

  async get(id: string): Promise<Assignment | undefined> {
    return Promise.resolve(this.#byId(id)?.assignment);
  }

  async search({ tenant, status, after, limit }: AssignmentSearch): Promise<readonly Assignment[]> {
    const found = this.#rows
      .map(({ assignment }) => assignment)
      .filter(
        (assignment) =>
          (tenant === undefined || assignment.tenant === tenant) &&
          (after === undefined || assignment.id > after) &&
          (status === undefined ? assignment.status !== 'deleted' : assignment.status === status),
      );
    return Promise.resolve(found.slice(0, limit));
  }

  add(assignment: Assignment): TransactionalWrite {
    return async () => {
      await Promise.resolve();
      if (this.#live(assignment) || this.#isRefused(assignment)) throw new AssignmentChanged();
      this.#rows.push({ assignment, lease: undefined });
    };
  }

  replace(known: Assignment, next: Assignment): TransactionalWrite {
    return async () => {
      await Promise.resolve();
      if (this.#isRefused(next)) throw new AssignmentChanged();
      this.#expect(known).assignment = next;
    };
  }

  async hold(id: string, { holder, durationMs }: Lease): Promise<HeldAssignment | undefined> {
    await Promise.resolve();
    const row = this.#byId(id);
    const owed = row?.assignment;
    if (!owed || !isOwed(owed)) return undefined;
    const before = row.lease;
    if (before && before.holder !== holder && before.expiresAt > this.clock.now()) return undefined;
    row.lease = { holder, expiresAt: this.clock.now() + durationMs };
    const isTakeover = before?.holder !== undefined && before.holder !== holder;
    return { assignment: owed, isTakeover };
  }

  async release(id: string, { holder }: Lease): Promise<void> {
    await Promise.resolve();
    const row = this.#byId(id);
    if (row?.lease?.holder === holder) row.lease = undefined;
  }

  releaseUnknown(id: string, { holder }: Lease): TransactionalWrite {
    return async () => {
      await Promise.resolve();
      const row = this.#byId(id);
      if (row?.lease?.holder !== holder) throw new AssignmentChanged();
      row.lease = { ...row.lease, holder: undefined };
    };
  }

  finish(known: Assignment, next: Assignment, { holder }: Lease): TransactionalWrite {
    return async () => {
      await Promise.resolve();
      const row = this.#expect(known);
      if (row.lease?.holder !== holder) throw new AssignmentChanged();
      const at = new Date(this.clock.now());
      const deletedAt = next.status === 'deleted' ? at : undefined;
      row.assignment = { ...next, updatedAt: at, deletedAt };
      row.lease = undefined;
    };
  }

  renew(holder: AssignmentHolder): TransactionalWrite {
    return async () => {
      await Promise.resolve();
      const row = this.#live(holder);
      if (!row || row.assignment.status === 'deleting') return;
      const updatedAt = new Date(this.clock.now());
      const version = row.assignment.version + 1;
      row.assignment = { ...row.assignment, status: 'renewing', version, updatedAt };
    };
  }

  /** Here are no mass revocations. */
  async markRenewals(): Promise<void> {
    return Promise.resolve();
  }

  async countRenewable(selection: AssignmentSelection): Promise<ReadonlyMap<string, number>> {
    return this.#count(selection, ['pending', 'active', 'renewing']);
  }

  async countLeft(selection: AssignmentSelection): Promise<ReadonlyMap<string, number>> {
    return this.#count(selection, ['renewing', 'deleting']);
  }

  async #count(
    selection: AssignmentSelection,
    statuses: readonly AssignmentStatus[],
  ): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const { assignment } of this.#rows) {
      if (!statuses.includes(assignment.status) || !isSelected(assignment, selection)) continue;
      counts.set(assignment.resource, (counts.get(assignment.resource) ?? 0) + 1);
    }
    return Promise.resolve(counts);
  }

  async owedResources(): Promise<readonly string[]> {
    const owed = this.#rows.filter(({ assignment }) => isOwed(assignment));
    return Promise.resolve([...new Set(owed.map(({ assignment }) => assignment.resource))]);
  }

  async overdue(resource: string, limit: number): Promise<readonly string[]> {
    const now = this.clock.now();
    const due = this.#rows.filter(
      ({ assignment, lease }) =>
        isOwed(assignment) && assignment.resource === resource && (lease?.expiresAt ?? 0) < now,
    );
    return Promise.resolve(due.slice(0, limit).map(({ assignment }) => assignment.id));
  }

  #isRefused(next: Assignment): boolean {
    return next.status !== 'deleting' && this.barred(next);
  }

  #expect({ id, version }: Assignment): Row {
    const row = this.#byId(id);
    if (row?.assignment.version !== version || row.assignment.status === 'deleted') {
      throw new AssignmentChanged();
    }
    return row;
  }

  #byId(id: string): Row | undefined {
    return this.#rows.find(({ assignment }) => assignment.id === id);
  }

  #live(holder: AssignmentHolder): Row | undefined {
    return this.#rows.find((row) => isOf(row, holder) && row.assignment.status !== 'deleted');
  }
}

function isSelected(assignment: Assignment, selection: AssignmentSelection): boolean {
  const { tenant, resource, clientIds, createdAt } = assignment;
  const { clientId, createdBefore } = selection;
  const mayHaveTokens =
    clientId === undefined ||
    clientIds.length === 0 ||
    clientIds.includes(clientId) ||
    isRevoking(assignment);
  return (
    (selection.tenant === undefined || selection.tenant === tenant) &&
    (selection.resource === undefined || selection.resource === resource) &&
    mayHaveTokens &&
    (createdBefore === undefined || createdAt < createdBefore)
  );
}

function isOf({ assignment }: Row, { tenant, objectId }: AssignmentHolder): boolean {
  return assignment.tenant === tenant && assignment.objectId === objectId;
}
