import type { TransactionalWrite } from '#libs/audit';
import type { Clock } from '#libs/platform';
import type { ApplicationIdentity } from '../model/application-identity.js';
import { IdentityKindConflict, LeaseLost, MappingChanged } from '../errors.js';
import {
  type Claim,
  IdentityMap,
  type Lease,
  type MappingSearch,
  type Orphan,
} from '../store/identity-map.js';
import type { ProvisionedMapping, Mapping } from '../model/mapping.js';
import { newMapping } from '../model/new-mapping.js';

interface Held {
  mapping: Mapping;
  lease: { holder: string | undefined; expiresAt: number } | undefined;
}

interface HeldOrphan {
  readonly orphan: Orphan;
  expiresAt: number | undefined;
}

type Subject = Omit<ApplicationIdentity, 'kind'>;

/** Mappings in memory, for tests of what uses them. */
export class MemoryIdentityMap extends IdentityMap {
  readonly #held: Held[] = [];
  readonly #orphans = new Map<string, HeldOrphan>();

  constructor(private readonly clock: Clock) {
    super();
  }

  async find(identity: Subject, resource: string): Promise<Mapping | undefined> {
    const mappings = await this.findBySubjects([identity]);
    return mappings.find((mapping) => mapping.resource === resource) ?? mappings[0];
  }

  async get(id: string): Promise<Mapping | undefined> {
    return Promise.resolve(this.#byId(id)?.mapping);
  }

  async findByCommunicationUserIds(ids: readonly string[]): Promise<readonly Mapping[]> {
    return this.#where(({ communicationUserId }) => ids.includes(communicationUserId ?? ''));
  }

  async findBySubjects(subjects: readonly Subject[]): Promise<readonly Mapping[]> {
    return this.#where(
      (mapping) =>
        mapping.status !== 'deleted' &&
        subjects.some((one) => one.tenant === mapping.tenant && one.subject === mapping.subject),
    );
  }

  async listSubject(tenant: string, subject: string): Promise<readonly Mapping[]> {
    return this.#where((mapping) => mapping.tenant === tenant && mapping.subject === subject);
  }

  async search({ after, limit, status, ...equal }: MappingSearch): Promise<readonly Mapping[]> {
    const filters = Object.entries(equal).filter(([, value]) => value !== undefined);
    const found = await this.#where(
      (mapping) =>
        (status === undefined ? mapping.status !== 'deleted' : mapping.status === status) &&
        (after === undefined || mapping.id > after) &&
        filters.every(([name, value]) => mapping[name as keyof Mapping] === value),
    );
    return [...found].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
  }

  async claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim> {
    await Promise.resolve();
    const { tenant, subject } = identity;
    const held = this.#held.find(
      ({ mapping }) =>
        mapping.tenant === tenant &&
        mapping.subject === subject &&
        mapping.resource === resource &&
        mapping.status !== 'deleted',
    );
    if (!held) {
      const mapping = newMapping({ ...identity, resource }, this.clock.now());
      this.#held.push({ mapping, lease: this.#until(lease) });
      return { outcome: 'acquired', mapping };
    }
    const { mapping } = held;
    if (mapping.kind !== identity.kind) throw new IdentityKindConflict();
    if (mapping.status !== 'pending') return { outcome: 'held', mapping };
    if (!held.lease) {
      held.lease = this.#until(lease);
      return { outcome: 'acquired', mapping };
    }
    return { outcome: this.#isOver(held) ? 'expired' : 'held', mapping };
  }

  takeOver(mappingId: string, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      const held = this.#byId(mappingId);
      if (held?.mapping.status !== 'pending' || !this.#isOver(held)) throw lost();
      held.lease = this.#until(lease);
    });
  }

  activate(active: ProvisionedMapping, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      const held = this.#leased(active.id, lease);
      held.lease = undefined;
      held.mapping = active;
    });
  }

  async release(mappingId: string, lease: Lease): Promise<void> {
    const held = this.#byId(mappingId);
    if (held?.lease?.holder === lease.holder) held.lease = undefined;
    return Promise.resolve();
  }

  releaseUnknown(mappingId: string, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      this.#leased(mappingId, lease).lease = undefined;
    });
  }

  add(mappings: readonly Mapping[], dueInMs = 0): TransactionalWrite {
    return this.#change(() => {
      if (mappings.some((mapping) => this.#isTaken(mapping))) throw changed();
      for (const mapping of mappings) {
        const expiresAt = this.clock.now() + dueInMs;
        const lease = mapping.isRevoking ? { holder: undefined, expiresAt } : undefined;
        this.#held.push({ mapping, lease });
      }
    });
  }

  replace(known: Mapping, next: Mapping, lease?: Lease): TransactionalWrite {
    return this.#change(() => {
      const held = this.#byId(known.id);
      const isHeld = held?.mapping.status === 'pending' && held.lease;
      if (held?.mapping.version !== known.version || isHeld) throw changed();
      if (this.#isTaken(next, known.id)) throw changed();
      held.mapping = next;
      if (lease) held.lease = this.#until(lease);
    });
  }

  finishRevocation({ id, tokenGeneration }: Mapping): TransactionalWrite {
    return this.#change(() => {
      const held = this.#byId(id);
      const { mapping } = held ?? {};
      if (!held || !mapping?.isRevoking || mapping.tokenGeneration !== tokenGeneration) {
        throw changed();
      }
      held.lease = undefined;
      this.#step(held, { isRevoking: false });
    });
  }

  finishDeletion(mappingId: string): TransactionalWrite {
    return this.#change(() => {
      const held = this.#byId(mappingId);
      if (held?.mapping.status !== 'deleting') throw changed();
      held.lease = undefined;
      const deletedAt = new Date(this.clock.now());
      this.#step(held, { status: 'deleted', displayName: undefined, deletedAt });
    });
  }

  addOrphan(orphan: Orphan, lease: Lease): TransactionalWrite {
    return this.#change(() => {
      if (this.#orphans.has(orphan.communicationUserId)) throw changed();
      const { expiresAt } = this.#until(lease);
      this.#orphans.set(orphan.communicationUserId, { orphan, expiresAt });
    });
  }

  finishOrphan(communicationUserId: string): TransactionalWrite {
    return this.#change(() => {
      const held = this.#orphans.get(communicationUserId);
      if (held?.expiresAt === undefined) throw changed();
      held.expiresAt = undefined;
    });
  }

  async claimOverdue(limit: number, lease: Lease): Promise<readonly Mapping[]> {
    const overdue = this.#held.filter((held) => this.#isOver(held)).slice(0, limit);
    for (const held of overdue) held.lease = this.#until(lease);
    return Promise.resolve(overdue.map(({ mapping }) => mapping));
  }

  async claimOverdueOrphans(limit: number, lease: Lease): Promise<readonly Orphan[]> {
    const overdue = [...this.#orphans.values()]
      .filter(({ expiresAt = Infinity }) => expiresAt < this.clock.now())
      .slice(0, limit);
    for (const held of overdue) held.expiresAt = this.#until(lease).expiresAt;
    return Promise.resolve(overdue.map(({ orphan }) => orphan));
  }

  #change(apply: () => void): TransactionalWrite {
    return async () => {
      await Promise.resolve();
      apply();
    };
  }

  async #where(isWanted: (mapping: Mapping) => boolean): Promise<readonly Mapping[]> {
    return Promise.resolve(this.#held.map(({ mapping }) => mapping).filter(isWanted));
  }

  #byId(id: string): Held | undefined {
    return this.#held.find(({ mapping }) => mapping.id === id);
  }

  #isTaken(next: Mapping, except?: string): boolean {
    return this.#held.some(({ mapping }) => {
      if (mapping.id === except) return false;
      const { communicationUserId, tenant, subject, resource } = mapping;
      if (communicationUserId && communicationUserId === next.communicationUserId) return true;
      const isSame = tenant === next.tenant && subject === next.subject;
      return isSame && resource === next.resource && mapping.status !== 'deleted';
    });
  }

  #until({ holder, durationMs }: Lease): { holder: string; expiresAt: number } {
    return { holder, expiresAt: this.clock.now() + durationMs };
  }

  #isOver({ lease }: Held): boolean {
    return lease !== undefined && lease.expiresAt < this.clock.now();
  }

  #step(held: Held, to: Partial<Mapping>): void {
    const updatedAt = new Date(this.clock.now());
    held.mapping = { ...held.mapping, ...to, version: held.mapping.version + 1, updatedAt };
  }

  #leased(mappingId: string, lease: Lease): Held {
    const held = this.#byId(mappingId);
    if (held?.mapping.status !== 'pending' || held.lease?.holder !== lease.holder) throw lost();
    return held;
  }
}

function lost(): LeaseLost {
  return new LeaseLost('the lease of the mapping has ended');
}

function changed(): MappingChanged {
  return new MappingChanged('the mapping is not what it was');
}
