import { communicationUserIdOf } from '#libs/platform/testing';
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent, TransactionalWrite } from '#libs/audit';
import {
  type ApplicationIdentity,
  auditTargetOf,
  type Mapping,
  newMapping,
  ORPHANED,
  type ProvisionedMapping,
} from '../model/mapping.js';
import { IdentityKindConflict, LeaseLost, MappingChanged } from '../errors.js';
import type { IdentityMap, Lease, MappingSearch, Orphan } from '../store/identity-map.js';
import { ascendingUuidV7, canonicalName, type CommunicationUserId } from '#libs/platform';

/** An adapter under test, with what the suite needs of it. */
export interface IdentityMapSubject {
  readonly map: IdentityMap;
  /** Another one over the same store, as in another replica. */
  readonly otherMap: IdentityMap;
  /** Applies a change as the audit trail does when it records it, with an event if the change needs one. */
  apply(change: TransactionalWrite, event?: AuditEvent): Promise<void>;
  /** Adds a mapping of a person who has another one, as from before a person had one in all resources. */
  addAdditional(mapping: ProvisionedMapping): Promise<void>;
  /** Waits until a lease of `durationMs` has expired. */
  outlive(durationMs: number): Promise<void>;
}

const RESOURCE = 'default';

/** The contract of `IdentityMap`, as a suite that every adapter passes. */
export function describeIdentityMap(name: string, create: () => Promise<IdentityMapSubject>): void {
  describe(`${name} as an IdentityMap`, () => {
    let subject: IdentityMapSubject;
    beforeAll(async () => {
      subject = await create();
    });

    const anIdentity = (): ApplicationIdentity => ({
      tenant: canonicalName('contoso'),
      subject: canonicalName(randomUUID()),
      kind: 'user',
    });
    const lease = (durationMs = 30_000): Lease => ({
      holder: randomUUID(),
      durationMs,
      endsAt: 0,
    });
    const activated = (mapping: Mapping, communicationUserId = acsId()): ProvisionedMapping => ({
      ...mapping,
      status: 'active',
      communicationUserId,
      version: mapping.version + 1,
    });
    const acsId = (): CommunicationUserId =>
      communicationUserIdOf(`8:acs:${randomUUID()}_${randomUUID()}`);

    it('finds nothing for an identity that was never claimed', async () => {
      expect(await subject.map.find(anIdentity())).toBeUndefined();
    });

    it('gives one of many racing callers the lease, and the others the same pending mapping', async () => {
      const identity = anIdentity();
      const claims = await Promise.all(
        Array.from({ length: 20 }, async () => subject.map.claim(identity, RESOURCE, lease())),
      );
      expect(claims.filter(({ outcome }) => outcome === 'acquired')).toHaveLength(1);
      expect(claims.filter(({ outcome }) => outcome === 'held')).toHaveLength(19);
      expect(new Set(claims.map(({ mapping }) => mapping.id)).size).toBe(1);
      expect(claims[0]?.mapping).toMatchObject({ ...identity, status: 'pending', version: 1 });
    });

    it('gives callers that race from two default resources one mapping', async () => {
      for (let round = 0; round < 20; round += 1) {
        const identity = anIdentity();
        const claims = await Promise.all(
          ['one', 'two', 'one', 'two'].map(async (resource, nth) =>
            (nth < 2 ? subject.map : subject.otherMap).claim(identity, resource, lease()),
          ),
        );
        expect(claims.filter(({ outcome }) => outcome === 'acquired')).toHaveLength(1);
        expect(new Set(claims.map(({ mapping }) => mapping.id)).size).toBe(1);
        expect(await subject.map.findAll(identity)).toHaveLength(1);
      }
    });

    it('gives a pending mapping that was released to the next caller, in its own resource', async () => {
      const identity = anIdentity();
      const own = lease();
      const { mapping } = await subject.map.claim(identity, 'one', own);
      await subject.map.release(mapping.id, own);
      const next = await subject.map.claim(identity, 'two', lease());
      expect(next).toMatchObject({ outcome: 'acquired', mapping: { id: mapping.id } });
      expect(next.mapping.resource).toBe('one');
    });

    it('refuses to add a mapping of somebody who has one in another resource', async () => {
      const known = await stored();
      const second = {
        ...known,
        id: randomUUID(),
        communicationUserId: acsId(),
        resource: 'other',
      };
      const add = subject.apply(subject.map.add([second]));
      await expect(add).rejects.toBeInstanceOf(MappingChanged);
    });

    it('finds, of several mappings of a person, the one that bars the person first', async () => {
      const known = await stored();
      const other = await additional(known);
      expect(await subject.map.find(known)).toMatchObject({ id: known.id });
      const claim = await subject.map.claim(known, other.resource, lease());
      expect(claim).toMatchObject({ outcome: 'held', mapping: { id: known.id } });
      const suspended = next(other, { status: 'suspended', isRevoking: true, tokenGeneration: 2 });
      await subject.apply(subject.map.replace(other, suspended, lease()));
      expect(await subject.map.find(known)).toMatchObject({ id: other.id, status: 'suspended' });
      const all = await subject.map.findAll(known);
      expect(all.map(({ id }) => id)).toEqual([other.id, known.id]);
    });

    it('finds the other mapping of a person when the first is deleted, and creates no third', async () => {
      const known = await stored();
      const other = await additional(known);
      const deleting = next(known, { status: 'deleting', tokenGeneration: 2 });
      await subject.apply(subject.map.replace(known, deleting, lease()));
      await subject.apply(subject.map.finishDeletion(known.id));
      expect(await subject.map.find(known)).toMatchObject({ id: other.id });
      const claim = await subject.map.claim(known, RESOURCE, lease());
      expect(claim).toMatchObject({ outcome: 'held', mapping: { id: other.id } });
    });

    it('gives the communication identity once the holder has activated the mapping', async () => {
      const identity = anIdentity();
      const own = lease();
      const { mapping } = await subject.map.claim(identity, RESOURCE, own);
      const communicationUserId = acsId();
      await subject.apply(subject.map.activate(activated(mapping, communicationUserId), own));
      const active = {
        ...identity,
        id: mapping.id,
        status: 'active',
        communicationUserId,
        version: 2,
      };
      expect(await subject.map.find(identity)).toMatchObject(active);
      expect(await subject.map.claim(identity, RESOURCE, lease())).toMatchObject({
        outcome: 'held',
        mapping: active,
      });
    });

    it('activates once, and only for the holder of the lease', async () => {
      const own = lease();
      const { mapping } = await subject.map.claim(anIdentity(), RESOURCE, own);
      const activate = async (by: Lease): Promise<void> =>
        subject.apply(subject.map.activate(activated(mapping), by));
      await expect(activate(lease())).rejects.toBeInstanceOf(LeaseLost);
      await activate(own);
      await expect(activate(own)).rejects.toBeInstanceOf(LeaseLost);
    });

    it('gives the next caller the lease at once after a release', async () => {
      const identity = anIdentity();
      const own = lease();
      const { mapping } = await subject.map.claim(identity, RESOURCE, own);
      await subject.map.release(mapping.id, own);
      const next = await subject.map.claim(identity, RESOURCE, lease());
      expect(next).toMatchObject({ outcome: 'acquired', mapping: { id: mapping.id } });
    });

    it('gives the next caller the lease after an unknown outcome was recorded', async () => {
      const identity = anIdentity();
      const own = lease();
      const { mapping } = await subject.map.claim(identity, RESOURCE, own);
      await subject.apply(subject.map.releaseUnknown(mapping.id, own));
      expect((await subject.map.claim(identity, RESOURCE, lease())).outcome).toBe('acquired');
    });

    it('ignores a release by another caller than the holder', async () => {
      const identity = anIdentity();
      const { mapping } = await subject.map.claim(identity, RESOURCE, lease());
      await subject.map.release(mapping.id, lease());
      expect((await subject.map.claim(identity, RESOURCE, lease())).outcome).toBe('held');
    });

    it('gives an expired lease to one of many callers that take it over, and refuses its last holder', async () => {
      const identity = anIdentity();
      const expired = lease(1);
      const { mapping } = await subject.map.claim(identity, RESOURCE, expired);
      await subject.outlive(1);
      expect((await subject.map.claim(identity, RESOURCE, lease())).outcome).toBe('expired');

      const successors = Array.from({ length: 5 }, () => lease());
      const outcomes = await Promise.allSettled(
        successors.map(async (one) => subject.apply(subject.map.takeOver(mapping.id, one))),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await expect(
        subject.apply(subject.map.activate(activated(mapping), expired)),
      ).rejects.toBeInstanceOf(LeaseLost);
      const successor = successors[outcomes.findIndex(({ status }) => status === 'fulfilled')];
      if (!successor) expect.unreachable();
      await subject.apply(subject.map.activate(activated(mapping), successor));
    });

    it('refuses an identity under a second kind', async () => {
      const identity = anIdentity();
      await subject.map.claim(identity, RESOURCE, lease());
      const asBot = subject.map.claim({ ...identity, kind: 'bot' }, RESOURCE, lease());
      await expect(asBot).rejects.toBeInstanceOf(IdentityKindConflict);
    });

    const stored = async (more: Partial<ProvisionedMapping> = {}): Promise<ProvisionedMapping> => {
      const mapping = activated(newMapping({ ...anIdentity(), resource: RESOURCE }, Date.now()));
      const first = { ...mapping, version: 1, ...more };
      await subject.apply(subject.map.add([first]));
      return first;
    };
    /** A second mapping of a person. */
    const additional = async (known: ProvisionedMapping): Promise<ProvisionedMapping> => {
      const other = {
        ...known,
        id: randomUUID(),
        resource: 'other',
        communicationUserId: acsId(),
      };
      await subject.addAdditional(other);
      return other;
    };
    const next = (mapping: Mapping, to: Partial<Mapping>): Mapping => ({
      ...mapping,
      version: mapping.version + 1,
      ...to,
    });

    it('stores all of the new mappings or none', async () => {
      const known = await stored();
      const unknown = {
        ...activated(newMapping({ ...anIdentity(), resource: RESOURCE }, Date.now())),
        version: 1,
      };
      const second = { ...known, id: randomUUID(), communicationUserId: acsId() };
      const add = subject.apply(subject.map.add([unknown, second]));
      await expect(add).rejects.toBeInstanceOf(MappingChanged);
      expect(await subject.map.get(unknown.id)).toBeUndefined();
      expect(await subject.map.get(known.id)).toMatchObject({ status: 'active' });
    });

    it('never maps one communication identity twice, even after it was deleted', async () => {
      const known = await stored();
      await subject.apply(
        subject.map.replace(
          known,
          next(known, { status: 'deleting', tokenGeneration: 2 }),
          lease(),
        ),
      );
      await subject.apply(subject.map.finishDeletion(known.id));
      await expect(
        stored({ communicationUserId: known.communicationUserId }),
      ).rejects.toBeInstanceOf(MappingChanged);
    });

    it('applies one of many racing changes of a version', async () => {
      const known = await stored();
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c'].map(async (displayName) =>
          subject.apply(subject.map.replace(known, next(known, { displayName }))),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await subject.map.get(known.id)).toMatchObject({ version: 2 });
    });

    it('refuses to change a pending mapping while its identity is being created', async () => {
      const { mapping } = await subject.map.claim(anIdentity(), RESOURCE, lease());
      const change = subject.map.replace(mapping, next(mapping, { displayName: 'x' }));
      await expect(subject.apply(change)).rejects.toBeInstanceOf(MappingChanged);
    });

    it('finishes a revocation only when there is no later one', async () => {
      const known = await stored();
      const once = next(known, { isRevoking: true, tokenGeneration: 2 });
      await subject.apply(subject.map.replace(known, once, lease()));
      const twice = next(once, { isRevoking: true, tokenGeneration: 3 });
      await subject.apply(subject.map.replace(once, twice, lease()));
      await expect(subject.apply(subject.map.finishRevocation(once))).rejects.toBeInstanceOf(
        MappingChanged,
      );
      await subject.apply(subject.map.finishRevocation(twice));
      expect(await subject.map.get(known.id)).toMatchObject({ isRevoking: false, version: 4 });
    });

    it('expects that no other mapping of the person is suspended or being deleted', async () => {
      const known = await stored();
      const other = await additional(known);
      const expectation = async (): Promise<void> =>
        subject.apply(subject.map.expectUnchanged(known));
      await expectation();
      const suspended = next(other, { status: 'suspended', isRevoking: true, tokenGeneration: 2 });
      await subject.apply(subject.map.replace(other, suspended, lease()));
      await expect(expectation()).rejects.toBeInstanceOf(MappingChanged);
      const deleting = next(suspended, {
        status: 'deleting',
        isRevoking: false,
        tokenGeneration: 3,
      });
      await subject.apply(subject.map.replace(suspended, deleting, lease()));
      await expect(expectation()).rejects.toBeInstanceOf(MappingChanged);
      await subject.apply(subject.map.finishDeletion(other.id));
      await expectation();
    });

    it('expects of somebody without a mapping that there is still none whose tokens were revoked', async () => {
      const identity = anIdentity();
      const expectation = async (): Promise<void> =>
        subject.apply(subject.map.expectUnrevoked(identity));
      await expectation();
      const own = lease();
      const { mapping } = await subject.map.claim(identity, RESOURCE, own);
      await expectation();
      const known = activated(mapping);
      await subject.apply(subject.map.activate(known, own));
      await expectation();
      const revoking = next(known, { isRevoking: true, tokenGeneration: 2 });
      await subject.apply(subject.map.replace(known, revoking, lease()));
      await expect(expectation()).rejects.toBeInstanceOf(MappingChanged);
      await subject.apply(subject.map.finishRevocation(revoking));
      await expect(expectation()).rejects.toBeInstanceOf(MappingChanged);
    });

    it('expects a mapping to be active, not revoking and of the same token generation', async () => {
      const known = await stored();
      const expectation = async (mapping = known): Promise<void> =>
        subject.apply(subject.map.expectUnchanged(mapping));
      await expectation();
      await expect(expectation({ ...known, tokenGeneration: 2 })).rejects.toBeInstanceOf(
        MappingChanged,
      );
      await expect(expectation({ ...known, id: randomUUID() })).rejects.toBeInstanceOf(
        MappingChanged,
      );
      const revoking = { ...known, version: 2, isRevoking: true, tokenGeneration: 2 };
      await subject.apply(subject.map.replace(known, revoking, lease()));
      await expect(expectation(revoking)).rejects.toBeInstanceOf(MappingChanged);
      await subject.apply(subject.map.finishRevocation(revoking));
      await expectation(revoking);
      const revoked = { ...revoking, version: 3, isRevoking: false };
      const suspended = next(revoked, {
        status: 'suspended',
        isRevoking: true,
        tokenGeneration: 3,
      });
      await subject.apply(subject.map.replace(revoked, suspended, lease()));
      await subject.apply(subject.map.finishRevocation(suspended));
      await expect(expectation({ ...revoking, tokenGeneration: 3 })).rejects.toBeInstanceOf(
        MappingChanged,
      );
    });

    it('gives each overdue mapping to one of the workers that race, and no other mapping', async () => {
      const ids: string[] = [];
      for (let n = 0; n < 6; n += 1) {
        const known = await stored();
        await subject.apply(
          subject.map.replace(
            known,
            next(known, { isRevoking: true, tokenGeneration: 2 }),
            lease(1),
          ),
        );
        ids.push(known.id);
      }
      await subject.outlive(1);
      expect(await subject.map.owedResources()).toContain(RESOURCE);
      expect(await subject.map.claimOverdue('elsewhere', 100, lease())).toEqual([]);
      const claimed = await Promise.all(
        [1, 2, 3].map(async () => subject.map.claimOverdue(RESOURCE, 100, lease())),
      );
      const found = claimed.flat().map(({ id }) => id);
      expect(found.filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
      const again = await subject.map.claimOverdue(RESOURCE, 100, lease());
      expect(again.filter(({ id }) => ids.includes(id))).toEqual([]);
    });

    it('stores an orphan until its deletion is confirmed', async () => {
      const orphan = { mapping: await stored(), communicationUserId: acsId() };
      expect(await subject.map.isOrphan(orphan.communicationUserId)).toBe(false);
      await subject.apply(subject.map.addOrphan(orphan, lease(1)), orphanAdded(orphan));
      expect(await subject.map.isOrphan(orphan.communicationUserId)).toBe(true);
      await expect(subject.apply(subject.map.addOrphan(orphan, lease(1)))).rejects.toBeInstanceOf(
        MappingChanged,
      );
      await subject.outlive(1);
      const due = async (): Promise<(string | undefined)[]> =>
        (await subject.map.claimOverdueOrphans(RESOURCE, 100, lease(1))).map(
          (one) => one.communicationUserId,
        );
      expect(await subject.map.owedOrphanResources()).toContain(RESOURCE);
      expect(await subject.map.claimOverdueOrphans('elsewhere', 100, lease(1))).toEqual([]);
      expect(await due()).toContain(orphan.communicationUserId);
      await subject.outlive(1);
      await subject.apply(subject.map.finishOrphan(orphan.communicationUserId));
      expect(await due()).not.toContain(orphan.communicationUserId);
    });

    it('never has an orphan that a mapping leads to', async () => {
      const [mapping, communicationUserId] = [await stored(), acsId()];
      const mapped = subject.map.addOrphan({ ...mapping, mapping }, lease());
      await expect(subject.apply(mapped)).rejects.toBeInstanceOf(MappingChanged);
      await subject.apply(subject.map.addOrphan({ communicationUserId, mapping }, lease()));
      const members = { resource: RESOURCE, status: 'active', communicationUserId } as const;
      const added = newMapping({ ...anIdentity(), ...members }, Date.now());
      await expect(subject.apply(subject.map.add([added]))).rejects.toBeInstanceOf(MappingChanged);
    });

    it('searches page by page in the order of the ids, by every filter', async () => {
      const tenant = randomUUID();
      const all: Mapping[] = [];
      const names = ['Ann', 'ann_e', 'Anna', undefined, 'a%'];
      for (const [nth, kind] of (['user', 'bot', 'user', 'service', 'user'] as const).entries()) {
        all.push(
          await stored({
            tenant: canonicalName(tenant),
            kind,
            displayName: names[nth],
            subject: canonicalName(randomUUID()),
            id: ascendingUuidV7(Date.now()),
          }),
        );
      }
      const ids = all.map(({ id }) => id);
      const search = async (more: Partial<MappingSearch>): Promise<string[]> =>
        (await subject.map.search({ tenant: canonicalName(tenant), limit: 100, ...more })).map(
          ({ id }) => id,
        );
      expect(await search({})).toEqual(ids);
      expect(await search({ limit: 2 })).toEqual(ids.slice(0, 2));
      expect(await search({ limit: 2, after: ids[1] })).toEqual(ids.slice(2, 4));
      expect(await search({ kind: 'user' })).toEqual([ids[0], ids[2], ids[4]]);
      expect(await search({ status: 'deleted' })).toEqual([]);
      expect(await search({ subject: all[3]?.subject, status: 'active' })).toEqual([ids[3]]);
      expect(await search({ communicationUserId: all[1]?.communicationUserId })).toEqual([ids[1]]);
      expect(await search({ displayName: 'ANN' })).toEqual(ids.slice(0, 3));
      expect(await search({ displayName: 'ann_' })).toEqual([ids[1]]);
      expect(await search({ displayName: 'a%' })).toEqual([ids[4]]);
      expect(await search({ displayName: 'nn' })).toEqual([]);
    });

    it('finds all mappings of a subject, with or without the deleted ones', async () => {
      const one = await stored();
      const other = await additional(one);
      await subject.apply(
        subject.map.replace(one, next(one, { status: 'deleting', tokenGeneration: 2 }), lease()),
      );
      await subject.apply(subject.map.finishDeletion(one.id));
      const every = await subject.map.listSubject(one.tenant, one.subject);
      expect(every.map(({ id }) => id).sort()).toEqual([one.id, other.id].sort());
      expect((await subject.map.findBySubjects([one])).map(({ id }) => id)).toEqual([other.id]);
      expect(await subject.map.find(one)).toMatchObject({ id: other.id });
      expect(await subject.map.get(one.id)).toMatchObject({ status: 'deleted' });
    });
  });
}

/** The entry that makes an identity an orphan. */
function orphanAdded({ communicationUserId, mapping }: Orphan): AuditEvent {
  return {
    action: 'identity.create',
    outcome: 'failure',
    actor: { kind: 'operator', name: 'test' },
    target: { ...auditTargetOf(mapping), communicationUserId },
    reason: { code: ORPHANED },
  };
}
