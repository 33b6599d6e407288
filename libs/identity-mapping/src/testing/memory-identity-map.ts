import type { TransactionalWrite } from '#libs/audit';
import type { CanonicalName, Clock, CommunicationUserId } from '#libs/platform';
import {
  type ApplicationIdentity,
  type Mapping,
  newMapping,
  type ProvisionedMapping,
  type TenantSubject,
} from '../model/mapping.js';
import { IdentityKindConflict, LeaseLost, MappingChanged } from '../errors.js';
import {
  type Claim,
  IdentityMap,
  type Lease,
  type MappingSearch,
  type Orphan,
} from '../store/identity-map.js';

interface Row {
  mapping: Mapping;
  lease: { holder: string | undefined; expiresAt: number } | undefined;
  /** Of a person with another mapping; see `addAdditional`. */
  readonly isAdditional?: true;
}

interface OrphanRow {
  readonly orphan: Orphan;
  expiresAt: number | undefined;
}

/** Mappings in memory, for tests. */
export class MemoryIdentityMap extends IdentityMap {
  readonly #rows: Row[] = [];
  readonly #orphans = new Map<string, OrphanRow>();

  constructor(private readonly clock: Clock) {
    super();
  }

  async find(person: TenantSubject): Promise<Mapping | undefined> {
    return (await this.findAll(person))[0];
  }

  async findAll(person: TenantSubject): Promise<readonly Mapping[]> {
    return Promise.resolve(this.#ofPerson(person).map(({ mapping }) => mapping));
  }

  async isBeingCreated(person: TenantSubject): Promise<boolean> {
    return Promise.resolve(
      this.#ofPerson(person).some(
        ({ mapping: { status }, lease }) => status === 'pending' && lease !== undefined,
      ),
    );
  }

  /** As the database has it of somebody who got two, from before a person had one in all resources. */
  addAdditional(mapping: Mapping): void {
    this.#rows.push({ mapping, lease: undefined, isAdditional: true });
  }

  async get(id: string): Promise<Mapping | undefined> {
    return Promise.resolve(this.#byId(id)?.mapping);
  }

  async findByCommunicationUserIds(
    ids: readonly CommunicationUserId[],
  ): Promise<readonly Mapping[]> {
    return this.#where(({ communicationUserId: id }) => id !== undefined && ids.includes(id));
  }

  async findBySubjects(subjects: readonly TenantSubject[]): Promise<readonly Mapping[]> {
    return this.#where(
      (mapping) =>
        mapping.status !== 'deleted' &&
        subjects.some((one) => one.tenant === mapping.tenant && one.subject === mapping.subject),
    );
  }

  async listSubject(tenant: CanonicalName, subject: CanonicalName): Promise<readonly Mapping[]> {
    return this.#where((mapping) => mapping.tenant === tenant && mapping.subject === subject);
  }

  /** Whether an identity of a principal is suspended or being deleted. */
  isBarred({ tenant, objectId }: { readonly tenant: string; readonly objectId: string }): boolean {
    return this.#rows.some(
      ({ mapping }) =>
        mapping.tenant === tenant &&
        mapping.subject === objectId &&
        (mapping.status === 'suspended' || mapping.status === 'deleting'),
    );
  }

  async search({
    after,
    limit,
    status,
    displayName = '',
    ...equal
  }: MappingSearch): Promise<readonly Mapping[]> {
    const filters = Object.entries(equal).filter(([, value]) => value !== undefined);
    const found = await this.#where(
      (mapping) =>
        (status === undefined ? mapping.status !== 'deleted' : mapping.status === status) &&
        (after === undefined || mapping.id > after) &&
        (mapping.displayName ?? '').toLowerCase().startsWith(displayName.toLowerCase()) &&
        filters.every(([name, value]) => mapping[name as keyof Mapping] === value),
    );
    return [...found].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
  }

  async claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim> {
    await Promise.resolve();
    const [row] = this.#ofPerson(identity);
    if (!row) {
      const mapping = newMapping({ ...identity, resource }, this.clock.now());
      this.#rows.push({ mapping, lease: this.#startLease(lease) });
      return { outcome: 'acquired', mapping };
    }
    const { mapping } = row;
    if (mapping.kind !== identity.kind) throw new IdentityKindConflict();
    if (mapping.status !== 'pending') return { outcome: 'held', mapping };
    if (!row.lease) {
      row.lease = this.#startLease(lease);
      return { outcome: 'acquired', mapping };
    }
    return { outcome: this.#isExpired(row) ? 'expired' : 'held', mapping };
  }

  takeOver(mappingId: string, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      const row = this.#byId(mappingId);
      if (row?.mapping.status !== 'pending' || !this.#isExpired(row)) throw leaseLost();
      row.lease = this.#startLease(lease);
    });
  }

  activate(active: ProvisionedMapping, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      const row = this.#leased(active.id, lease);
      row.lease = undefined;
      row.mapping = active;
    });
  }

  async release(mappingId: string, lease: Lease): Promise<void> {
    const row = this.#byId(mappingId);
    if (row?.lease?.holder === lease.holder) row.lease = undefined;
    return Promise.resolve();
  }

  releaseUnknown(mappingId: string, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      this.#leased(mappingId, lease).lease = undefined;
    });
  }

  add(mappings: readonly Mapping[]): TransactionalWrite {
    return this.#change(() => {
      if (mappings.some((mapping) => this.#isTaken(mapping))) throw mappingChanged();
      for (const mapping of mappings) {
        const expiresAt = this.clock.now();
        const lease = mapping.isRevoking ? { holder: undefined, expiresAt } : undefined;
        this.#rows.push({ mapping, lease });
      }
    });
  }

  replace(known: Mapping, next: Mapping, lease?: Lease): TransactionalWrite {
    return this.#change(() => {
      const row = this.#byId(known.id);
      const isHeld = row?.mapping.status === 'pending' && row.lease;
      if (row?.mapping.version !== known.version || isHeld) throw mappingChanged();
      if (this.#isTaken(next, known.id)) throw mappingChanged();
      row.mapping = next;
      if (lease) row.lease = this.#startLease(lease);
    });
  }

  finishRevocation({ id, tokenGeneration }: Mapping): TransactionalWrite {
    return this.#change(() => {
      const row = this.#byId(id);
      const { mapping } = row ?? {};
      if (!row || !mapping?.isRevoking || mapping.tokenGeneration !== tokenGeneration) {
        throw mappingChanged();
      }
      row.lease = undefined;
      this.#nextVersion(row, { isRevoking: false });
    });
  }

  finishDeletion(mappingId: string): TransactionalWrite {
    return this.#change(() => {
      const row = this.#byId(mappingId);
      if (row?.mapping.status !== 'deleting') throw mappingChanged();
      row.lease = undefined;
      const deletedAt = new Date(this.clock.now());
      this.#nextVersion(row, { status: 'deleted', displayName: undefined, deletedAt });
    });
  }

  expectUnchanged({ id, tokenGeneration }: ProvisionedMapping): TransactionalWrite {
    return this.#change(() => {
      const mapping = this.#byId(id)?.mapping;
      const isBarred = mapping && this.#ofPerson(mapping)[0]?.mapping.status !== 'active';
      const isUnchanged = mapping?.status === 'active' && !mapping.isRevoking && !isBarred;
      if (!isUnchanged || mapping.tokenGeneration !== tokenGeneration) throw mappingChanged();
    });
  }

  expectUnrevoked({ tenant, subject }: TenantSubject): TransactionalWrite {
    return this.#change(() => {
      const isRevoked = this.#rows.some(
        ({ mapping: { status, isRevoking, tokenGeneration, ...mapping } }) =>
          mapping.tenant === tenant &&
          mapping.subject === subject &&
          status !== 'deleted' &&
          (!['pending', 'active'].includes(status) || isRevoking || tokenGeneration > 1),
      );
      if (isRevoked) throw mappingChanged();
    });
  }

  addOrphan(orphan: Orphan, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      const { communicationUserId } = orphan;
      if (this.#orphans.has(communicationUserId) || this.#leadsTo(communicationUserId)) {
        throw mappingChanged();
      }
      const { expiresAt } = this.#startLease(lease);
      this.#orphans.set(communicationUserId, { orphan, expiresAt });
    });
  }

  async isOrphan(communicationUserId: CommunicationUserId): Promise<boolean> {
    return Promise.resolve(this.#orphans.has(communicationUserId));
  }

  finishOrphan(communicationUserId: CommunicationUserId): TransactionalWrite {
    return this.#change(() => {
      const row = this.#orphans.get(communicationUserId);
      if (row?.expiresAt === undefined) throw mappingChanged();
      row.expiresAt = undefined;
    });
  }

  async owedResources(): Promise<readonly string[]> {
    const owed = this.#rows.filter(({ lease }) => lease !== undefined);
    return Promise.resolve([...new Set(owed.map(({ mapping }) => mapping.resource))]);
  }

  async claimOverdue(resource: string, limit: number, lease: Lease): Promise<readonly Mapping[]> {
    const overdue = this.#rows
      .filter((row) => row.mapping.resource === resource && this.#isExpired(row))
      .slice(0, limit);
    for (const row of overdue) row.lease = this.#startLease(lease);
    return Promise.resolve(overdue.map(({ mapping }) => mapping));
  }

  async owedOrphanResources(): Promise<readonly string[]> {
    const owed = [...this.#orphans.values()].filter(({ expiresAt }) => expiresAt !== undefined);
    return Promise.resolve([...new Set(owed.map(({ orphan }) => orphan.mapping.resource))]);
  }

  async claimOverdueOrphans(
    resource: string,
    limit: number,
    lease: Lease,
  ): Promise<readonly Orphan[]> {
    const overdue = [...this.#orphans.values()]
      .filter(({ orphan }) => orphan.mapping.resource === resource)
      .filter(({ expiresAt = Infinity }) => expiresAt < this.clock.now())
      .slice(0, limit);
    for (const row of overdue) row.expiresAt = this.#startLease(lease).expiresAt;
    return Promise.resolve(overdue.map(({ orphan }) => orphan));
  }

  #change(apply: () => void): TransactionalWrite {
    return async () => {
      await Promise.resolve();
      apply();
    };
  }

  async #where(isWanted: (mapping: Mapping) => boolean): Promise<readonly Mapping[]> {
    return Promise.resolve(this.#rows.map(({ mapping }) => mapping).filter(isWanted));
  }

  /** The mappings of a person that are not deleted, in the order of `PERSON_ORDER`. */
  #ofPerson({ tenant, subject }: TenantSubject): readonly Row[] {
    const rank = ({ mapping: { status }, isAdditional }: Row): number => {
      if (status === 'suspended' || status === 'deleting') return 0;
      return (status === 'pending' ? 2 : 1) + (isAdditional ? 0.5 : 0);
    };
    return this.#rows
      .filter(({ mapping }) => mapping.tenant === tenant && mapping.subject === subject)
      .filter(({ mapping }) => mapping.status !== 'deleted')
      .sort((a, b) => rank(a) - rank(b));
  }

  #byId(id: string): Row | undefined {
    return this.#rows.find(({ mapping }) => mapping.id === id);
  }

  #leadsTo(communicationUserId: CommunicationUserId): boolean {
    return this.#rows.some(({ mapping }) => mapping.communicationUserId === communicationUserId);
  }

  #isTaken(next: Mapping, except?: string): boolean {
    if (next.communicationUserId && this.#orphans.has(next.communicationUserId)) return true;
    return this.#rows.some(({ mapping, isAdditional }) => {
      if (mapping.id === except) return false;
      const { communicationUserId, tenant, subject } = mapping;
      if (communicationUserId && communicationUserId === next.communicationUserId) return true;
      if (isAdditional || except !== undefined) return false;
      return tenant === next.tenant && subject === next.subject && mapping.status !== 'deleted';
    });
  }

  #startLease({ holder, durationMs }: Lease): { holder: string; expiresAt: number } {
    return { holder, expiresAt: this.clock.now() + durationMs };
  }

  #isExpired({ lease }: Row): boolean {
    return lease !== undefined && lease.expiresAt < this.clock.now();
  }

  #nextVersion(row: Row, to: Partial<Mapping>): void {
    const updatedAt = new Date(this.clock.now());
    row.mapping = { ...row.mapping, ...to, version: row.mapping.version + 1, updatedAt };
  }

  #leased(mappingId: string, lease: Lease): Row {
    const row = this.#byId(mappingId);
    if (row?.mapping.status !== 'pending' || row.lease?.holder !== lease.holder) throw leaseLost();
    return row;
  }
}

function leaseLost(): LeaseLost {
  return new LeaseLost('the lease of the mapping has expired');
}

function mappingChanged(): MappingChanged {
  return new MappingChanged('the mapping was changed by another caller');
}
