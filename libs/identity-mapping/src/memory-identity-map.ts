import { randomUUID } from 'node:crypto';
import type { Change } from '#libs/audit';
import type { Clock } from '#libs/platform';
import type { ApplicationIdentity } from './application-identity.js';
import { IdentityKindConflict, LeaseLost } from './errors.js';
import { type Claim, IdentityMap, type Lease } from './identity-map.js';
import type { Mapping } from './mapping.js';

interface Held {
  mapping: Mapping;
  lease: { holder: string; expiresAt: number } | undefined;
}

/** Mappings in memory, for tests of what uses them. */
export class MemoryIdentityMap extends IdentityMap {
  readonly #held: Held[] = [];

  constructor(private readonly clock: Clock) {
    super();
  }

  async find(identity: ApplicationIdentity, resource: string): Promise<Mapping | undefined> {
    return Promise.resolve(this.#live(identity, resource)?.mapping);
  }

  async claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim> {
    const now = this.clock.now();
    const taken = { holder: lease.holder, expiresAt: now + lease.durationMs };
    const held = this.#live(identity, resource);
    if (!held) {
      const mapping: Mapping = {
        ...identity,
        id: randomUUID(),
        resource,
        status: 'pending',
        communicationUserId: undefined,
        displayName: undefined,
        version: 1,
        createdAt: new Date(now),
        updatedAt: new Date(now),
      };
      this.#held.push({ mapping, lease: taken });
      return Promise.resolve({ standing: 'won', mapping });
    }
    const { mapping } = held;
    if (mapping.kind !== identity.kind) throw new IdentityKindConflict();
    if (mapping.status !== 'pending') return Promise.resolve({ standing: 'taken', mapping });
    if (!held.lease) {
      held.lease = taken;
      return Promise.resolve({ standing: 'won', mapping });
    }
    return Promise.resolve({
      standing: held.lease.expiresAt < now ? 'abandoned' : 'taken',
      mapping,
    });
  }

  takeOver(mappingId: string, lease: Lease): Change {
    return async () => {
      const held = this.#held.find(({ mapping }) => mapping.id === mappingId);
      if (!held?.lease || held.lease.expiresAt >= this.clock.now()) throw lost();
      held.lease = { holder: lease.holder, expiresAt: this.clock.now() + lease.durationMs };
      return Promise.resolve();
    };
  }

  activate(mappingId: string, lease: Lease, communicationUserId: string): Change {
    return async () => {
      const held = this.#leased(mappingId, lease);
      held.lease = undefined;
      held.mapping = {
        ...held.mapping,
        status: 'active',
        communicationUserId,
        version: held.mapping.version + 1,
        updatedAt: new Date(this.clock.now()),
      };
      return Promise.resolve();
    };
  }

  async release(mappingId: string, lease: Lease): Promise<void> {
    const held = this.#held.find(({ mapping }) => mapping.id === mappingId);
    if (held?.lease?.holder === lease.holder) held.lease = undefined;
    return Promise.resolve();
  }

  releaseUnknown(mappingId: string, lease: Lease): Change {
    return async () => {
      this.#leased(mappingId, lease).lease = undefined;
      return Promise.resolve();
    };
  }

  #live({ tenant, subject }: ApplicationIdentity, resource: string): Held | undefined {
    return this.#held.find(
      ({ mapping }) =>
        mapping.resource === resource &&
        mapping.tenant === tenant &&
        mapping.subject === subject &&
        mapping.status !== 'deleted',
    );
  }

  #leased(mappingId: string, lease: Lease): Held {
    const held = this.#held.find(({ mapping }) => mapping.id === mappingId);
    if (held?.mapping.status !== 'pending' || held.lease?.holder !== lease.holder) throw lost();
    return held;
  }
}

function lost(): LeaseLost {
  return new LeaseLost('the lease of the pending mapping has ended');
}
