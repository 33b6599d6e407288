import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryAuditTrail } from '#libs/audit/testing';
import { CommunicationResources, UpstreamUnavailable } from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { canonicalName, type CommunicationUserId, type Principal } from '#libs/platform';
import { communicationUserIdOf, ManualClock, MemoryLogger } from '#libs/platform/testing';
import { IdentityLinkConflict, MappingNotActive } from './errors.js';
import { type ProvisionedMapping, newMapping } from './model/mapping.js';
import { MemoryIdentityMap } from './testing/memory-identity-map.js';
import { wireIdentityMapping } from './testing/wire-identity-mapping.js';

const IDS = {
  default: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001',
  europe: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50002',
};
const RESOURCES = Object.entries(IDS).map(([name, immutableResourceId]) => ({
  ...{ name, immutableResourceId, tenants: [] },
  endpoint: `https://${name}.example`,
}));
const OPERATOR = { actor: { kind: 'operator', name: 'spec' } } as const;

const clock = new ManualClock();
let map: MemoryIdentityMap;
let gateway: MemoryCommunicationIdentityGateway;
let audit: MemoryAuditTrail;
let person: Principal;

/** A replica over what all share. @param defaultResource of its configuration */
function openReplica(defaultResource: keyof typeof IDS) {
  const resources = new CommunicationResources(RESOURCES, defaultResource);
  const logger = new MemoryLogger();
  return wireIdentityMapping({ map, gateway, audit, resources, clock, logger });
}

function idIn(resource: keyof typeof IDS): CommunicationUserId {
  return communicationUserIdOf(`8:acs:${IDS[resource]}_${randomUUID()}`);
}

beforeEach(() => {
  map = new MemoryIdentityMap(clock);
  gateway = new MemoryCommunicationIdentityGateway(
    new CommunicationResources(RESOURCES, 'default'),
    clock,
  );
  audit = new MemoryAuditTrail();
  person = {
    issuer: 'https://login.example',
    tenant: canonicalName('contoso'),
    subject: canonicalName(randomUUID()),
    kind: 'user',
    permissions: [],
    isGuest: false,
  };
});

describe('a person while replicas have different default resources', () => {
  it('has one identity, whichever replica got the first request', async () => {
    const replicas = [openReplica('default'), openReplica('europe')];
    const requests = replicas.map(async ({ mappings }) =>
      mappings.ensureActive({ identity: person, ...OPERATOR }),
    );
    await vi.waitUntil(() => clock.sleeping > 0); // the one that waits for the other
    await clock.advance(1_000);
    const [one, other] = await Promise.all(requests);
    expect(one?.mapping.communicationUserId).toBe(other?.mapping.communicationUserId);
    expect(gateway.identities.size).toBe(1);
  });

  it.each(['active', 'suspended'] as const)(
    'can not be linked or imported (%s) to an identity of another resource',
    async (status) => {
      const { linking, importing, mappings } = openReplica('europe');
      await openReplica('default').mappings.ensureActive({ identity: person, ...OPERATOR });
      const { tenant, subject, kind } = person;
      const description = { tenant, subject, kind, communicationUserId: idIn('europe') };
      const link = linking.createOrGet(description, OPERATOR);
      await expect(link).rejects.toBeInstanceOf(IdentityLinkConflict);
      const line = `${JSON.stringify({ ...description, tenant: undefined, status })}\n`;
      const results = await importing.run({
        ...OPERATOR,
        ...{ tenant, isProvisioning: false, chunks: chunksOf(line) },
      });
      expect((await results.next()).value).toMatchObject({
        outcome: 'failed',
        error: { code: 'identity-link-conflict' },
      });
      expect(await mappings.find(person)).toMatchObject({ resource: 'default' });
    },
  );

  it('can be linked to one after an erasure', async () => {
    const { linking, administration } = openReplica('europe');
    await openReplica('default').mappings.ensureActive({ identity: person, ...OPERATOR });
    await administration.erase(person, OPERATOR);
    const communicationUserId = idIn('europe');
    const { isNew } = await linking.createOrGet({ ...person, communicationUserId }, OPERATOR);
    expect(isNew).toBe(true);
  });
});

describe('a person who has two identities from before', () => {
  let replicas: ReturnType<typeof openReplica>[];
  let first: ProvisionedMapping;
  let second: ProvisionedMapping;

  beforeEach(async () => {
    replicas = [openReplica('default'), openReplica('europe')];
    const { mappings } = openReplica('europe');
    ({ mapping: first } = await mappings.ensureActive({ identity: person, ...OPERATOR }));
    const { communicationUserId } = await gateway.createIdentity({ resource: 'default' });
    const { tenant, subject, kind } = person;
    const members = { tenant, subject, kind, resource: 'default', status: 'active' } as const;
    second = { ...newMapping(members, clock.now()), communicationUserId };
    map.addAdditional(second);
  });

  const revocations = (): (number | undefined)[] =>
    [first, second].map(
      ({ communicationUserId }) => gateway.identities.get(communicationUserId)?.revocations,
    );
  const suspend = async ({ id }: ProvisionedMapping): Promise<void> => {
    const { administration } = openReplica('europe');
    await administration.update({ id, tenant: 'any' }, { status: 'suspended' }, OPERATOR);
  };

  it('gets tokens of the same identity from every replica', async () => {
    for (const { mappings } of replicas) {
      expect(await mappings.find(person)).toMatchObject({ id: first.id });
      const { mapping } = await mappings.findOrCreate({ identity: person, ...OPERATOR });
      expect(mapping.id).toBe(first.id);
    }
  });

  it.each(['signOut', 'revokeOwnTokens'] as const)(
    'has the tokens of both revoked by %s',
    async (act) => {
      const { mappings } = openReplica('default');
      expect(await mappings[act]({ actor: person })).toMatchObject({ effectiveWithinMinutes: 15 });
      expect(revocations()).toEqual([1, 1]);
    },
  );

  it('has the tokens of one revoked while the other is being deleted', async () => {
    const { administration, mappings } = openReplica('default');
    gateway.failNext('delete', new UpstreamUnavailable());
    await administration.delete({ id: second.id, tenant: 'any' }, OPERATOR);
    await mappings.signOut({ actor: person });
    expect(revocations()).toEqual([1, 0]);
  });

  it('gets no tokens and has all revoked once one of them is suspended, in every replica', async () => {
    await suspend(second);
    expect(revocations()).toEqual([1, 1]);
    for (const { mappings } of replicas) {
      const refused = [
        mappings.findOrCreate({ identity: person, ...OPERATOR }),
        mappings.requireActive(first),
        mappings.requireUnchanged(first),
      ];
      for (const one of refused) await expect(one).rejects.toBeInstanceOf(MappingNotActive);
      expect(await mappings.find(person)).toMatchObject({ status: 'suspended' });
    }
    const event = { action: 'token.issue', outcome: 'success', ...OPERATOR } as const;
    const released = audit.record(event, replicas[0]?.mappings.unchanged(first));
    await expect(released).rejects.toThrow('changed');
  });

  it('deletes both when the person deletes its own', async () => {
    const { administration } = openReplica('default');
    expect(await administration.deleteOwn({ actor: person })).toMatchObject({ status: 'deleted' });
    expect(await map.findAll(person)).toEqual([]);
    expect(gateway.identities.size).toBe(0);
  });

  it('deletes neither when one of them is suspended', async () => {
    await suspend(second);
    const deletion = openReplica('default').administration.deleteOwn({ actor: person });
    await expect(deletion).rejects.toBeInstanceOf(MappingNotActive);
    expect(await map.findAll(person)).toHaveLength(2);
  });
});

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from(text);
}
