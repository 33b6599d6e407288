import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { AuditUnavailable } from '#libs/audit';
import { MemoryAuditTrail } from '#libs/audit/testing';
import {
  CommunicationResources,
  UpstreamOutcomeUnknown,
  UpstreamUnavailable,
} from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { ManualClock, MemoryLogger } from '#libs/platform';
import type { ApplicationIdentity } from './model/mapping.js';
import { BackgroundTasks } from './lifecycle/background-tasks.js';
import { MappingNotActive, MappingPending, RevocationPending } from './errors.js';
import { IdentityCreation } from './lifecycle/identity-creation.js';
import { IdentityDeletion } from './lifecycle/identity-deletion.js';
import { IdentityMappingService } from './identity-mapping.service.js';
import { RecoveryWorker } from './lifecycle/recovery-worker.js';
import { MemoryIdentityMap } from './testing/memory-identity-map.js';
import { OrphanedIdentities } from './lifecycle/orphaned-identities.js';
import { TokenRevocation } from './lifecycle/token-revocation.js';

const settings = { leaseMs: 30_000, waitMs: 8_000, sweepMs: 5_000 };
const resources = new CommunicationResources(
  [
    {
      name: 'default',
      endpoint: 'https://acs.example',
      immutableResourceId: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001',
      tenants: [],
    },
  ],
  'default',
);
const actor = { kind: 'operator', name: 'spec' } as const;

/** All parts over memory fakes, as one replica would hold them. */
function replica(shared?: {
  clock: ManualClock;
  map: MemoryIdentityMap;
  gateway: MemoryCommunicationIdentityGateway;
  audit: MemoryAuditTrail;
}) {
  const clock = shared?.clock ?? new ManualClock();
  const map = shared?.map ?? new MemoryIdentityMap(clock);
  const gateway = shared?.gateway ?? new MemoryCommunicationIdentityGateway(resources, clock);
  const audit = shared?.audit ?? new MemoryAuditTrail();
  const logger = new MemoryLogger();
  const background = new BackgroundTasks(clock, logger);
  const orphans = new OrphanedIdentities(map, gateway, audit, logger, settings);
  const creation = new IdentityCreation(map, gateway, orphans, background, audit, clock, logger);
  const revocation = new TokenRevocation(map, gateway, audit, clock, logger, settings);
  const deletion = new IdentityDeletion(map, gateway, resources, audit, clock, logger, settings);
  const mappings = new IdentityMappingService(
    map,
    creation,
    revocation,
    resources,
    clock,
    settings,
  );
  const sweeper = new RecoveryWorker(
    ...([map, creation, deletion, revocation, orphans, clock, logger, settings] as const),
  );
  return { clock, map, gateway, audit, mappings, sweeper, deletion, orphans };
}

describe('IdentityMappingService', () => {
  let one: ReturnType<typeof replica>;
  let who: ApplicationIdentity;
  const ensure = async (on = one) => on.mappings.ensureActive({ identity: who, actor });
  const actions = (): string[] => one.audit.entries.map(({ action }) => action);
  /** Lets pauses pass until the promise has settled. */
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    const state = { isOver: false };
    void work.catch(() => undefined).finally(() => (state.isOver = true));
    for (let turn = 0; turn < 2_000 && !state.isOver; turn += 1) {
      await new Promise(setImmediate);
      if (one.clock.sleeping > 0) await one.clock.advance(50);
    }
    return work;
  };

  beforeEach(() => {
    one = replica();
    who = { tenant: 'contoso', subject: randomUUID(), kind: 'user' };
  });

  it('gives callers that race over replicas one identity', async () => {
    const other = replica(one);
    const all = await passing(
      Promise.all(Array.from({ length: 40 }, async (_, n) => ensure(n % 2 ? one : other))),
    );
    expect(new Set(all.map(({ mapping }) => mapping.communicationUserId)).size).toBe(1);
    expect(one.gateway.identities.size).toBe(1);
    expect(actions()).toEqual(['identity.create']);
  });

  it('records a lost answer and lets the next caller try at once', async () => {
    one.gateway.failNext('create', new UpstreamOutcomeUnknown(), true);
    await expect(ensure()).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
    await ensure();
    expect(actions()).toEqual(['identity.outcome-unknown', 'identity.create']);
  });

  it('records nothing when ACS surely has made no identity', async () => {
    one.gateway.failNext('create', new UpstreamUnavailable());
    await expect(ensure()).rejects.toBeInstanceOf(UpstreamUnavailable);
    await ensure();
    expect(actions()).toEqual(['identity.create']);
  });

  it('takes over from a replica that died, recording that the outcome is unknown', async () => {
    await one.map.claim(who, 'default', { holder: randomUUID(), durationMs: 1_000 });
    await one.clock.advance(1_001);
    await ensure();
    expect(actions()).toEqual(['identity.outcome-unknown', 'identity.create']);
  });

  it('tells callers to come back when a creation takes longer than they wait', async () => {
    await one.map.claim(who, 'default', { holder: randomUUID(), durationMs: 60_000 });
    await expect(passing(ensure())).rejects.toBeInstanceOf(MappingPending);
  });

  it('deletes and records an identity that came after its lease had been taken over', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    const create = one.gateway.createIdentity.bind(one.gateway);
    one.gateway.createIdentity = async (call) => {
      one.gateway.createIdentity = create;
      const created = await create(call);
      await gate;
      return created;
    };
    const slow = ensure();
    await vi.waitUntil(() => one.gateway.identities.size === 1);
    await one.clock.advance(settings.leaseMs + 1);
    await one.sweeper.sweep();
    const { mapping } = await ensure();
    open(undefined);
    await expect(slow).rejects.toBeInstanceOf(MappingPending);
    expect([...one.gateway.identities.keys()]).toEqual([mapping.communicationUserId]);
    expect(one.audit.entries.map(({ action, outcome }) => [action, outcome])).toEqual([
      ['identity.outcome-unknown', 'unknown'],
      ['identity.create', 'success'],
      ['identity.create', 'failure'],
      ['identity.delete', 'success'],
    ]);
  });

  it('deletes an orphan that ACS would not delete at first', async () => {
    const { mapping } = await ensure();
    const orphan = await one.gateway.createIdentity({ resource: 'default' });
    one.gateway.failNext('delete', new UpstreamUnavailable());
    await one.orphans.add({ ...orphan, mapping }, { actor });
    expect(one.gateway.identities.size).toBe(2);
    await one.clock.advance(settings.leaseMs + 1);
    await one.sweeper.sweep();
    expect([...one.gateway.identities.keys()]).toEqual([mapping.communicationUserId]);
    expect(actions().at(-1)).toBe('identity.delete');
  });

  it('goes on after an outage of the log until the created identity is mapped', async () => {
    one.audit.outage = new AuditUnavailable();
    await expect(ensure()).rejects.toBeInstanceOf(AuditUnavailable);
    expect((await one.map.find(who, 'default'))?.status).toBe('pending');
    one.audit.outage = undefined;
    await one.clock.advance(1_000);
    expect(await one.map.find(who, 'default')).toMatchObject({ status: 'active' });
    await ensure();
    expect(one.gateway.identities.size).toBe(1);
    expect(actions()).toEqual(['identity.create']);
  });

  it('records the first token with the identity, and gives it to nobody when that fails', async () => {
    const tokenEvent = { action: 'token.issue', outcome: 'success', actor } as const;
    const create = async () =>
      one.mappings.findOrCreate(
        { identity: who, actor },
        { scopes: ['voip'], expiresInMinutes: 60 },
      );
    const { creation } = await create();
    expect(creation?.issued?.token).toBeDefined();
    expect(await creation?.commit(tokenEvent)).toMatchObject({ index: 1 });
    expect(actions()).toEqual(['identity.create', 'token.issue']);
    expect(one.gateway.calls.map(({ operation }) => operation)).toEqual(['createWithToken']);
    who = { ...who, subject: randomUUID() };
    const { creation: other } = await create();
    one.audit.outage = new AuditUnavailable();
    await expect(other?.commit(tokenEvent)).rejects.toBeInstanceOf(AuditUnavailable);
  });

  it('keeps an identity that is disposed of before its commit, and lets other callers wait for it', async () => {
    const { creation } = await one.mappings.findOrCreate({ identity: who, actor });
    const other = ensure(replica(one));
    creation?.[Symbol.dispose]();
    expect((await passing(other)).mapping).toMatchObject({ id: creation?.mapping.id });
    expect(one.gateway.identities.size).toBe(1);
    expect(actions()).toEqual(['identity.create']);
  });

  it('does nothing when an identity is disposed of after its commit', async () => {
    const { creation } = await one.mappings.findOrCreate({ identity: who, actor });
    await creation?.commit();
    creation?.[Symbol.dispose]();
    await ensure();
    expect(actions()).toEqual(['identity.create']);
  });

  it('gives no token between a revocation and its confirmation, nor one of the generation before', async () => {
    const { mapping } = await ensure();
    one.gateway.failNext('revoke', new UpstreamUnavailable());
    await one.mappings.revokeTokens({ id: mapping.id, tenant: 'any' }, { actor });
    await expect(ensure()).rejects.toBeInstanceOf(RevocationPending);
    await one.clock.advance(settings.leaseMs + 1);
    await one.sweeper.sweep();
    expect((await ensure()).mapping).toMatchObject({ tokenGeneration: 2, isRevoking: false });
    await expect(one.mappings.requireUnchanged(mapping)).rejects.toBeInstanceOf(RevocationPending);
    expect(one.gateway.identities.get(mapping.communicationUserId)?.revocations).toBe(1);
  });

  it('finishes a deletion that ACS did not confirm, and gives no token meanwhile', async () => {
    const { mapping } = await ensure();
    one.gateway.failNext('delete', new UpstreamUnavailable());
    await one.deletion.begin(mapping, { actor });
    await expect(ensure()).rejects.toBeInstanceOf(MappingNotActive);
    await expect(one.mappings.requireUnchanged(mapping)).rejects.toBeInstanceOf(MappingNotActive);
    await one.clock.advance(settings.leaseMs + 1);
    await one.sweeper.sweep();
    expect(await one.map.get(mapping.id)).toMatchObject({ status: 'deleted' });
    expect(one.gateway.identities.size).toBe(0);
  });

  it('frees a pending mapping that a dead replica left, by way of the sweeper', async () => {
    await one.map.claim(who, 'default', { holder: randomUUID(), durationMs: 1_000 });
    await one.clock.advance(1_001);
    await one.sweeper.sweep();
    expect(actions()).toEqual(['identity.outcome-unknown']);
    await ensure();
    expect(actions()).toEqual(['identity.outcome-unknown', 'identity.create']);
  });
});
