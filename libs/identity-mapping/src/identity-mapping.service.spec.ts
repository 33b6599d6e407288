import { canonicalName } from '#libs/platform';
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BudgetExhausted } from '#libs/request-budget';
import { AuditUnavailable } from '#libs/audit';
import { MemoryAuditTrail } from '#libs/audit/testing';
import {
  CommunicationResources,
  UpstreamOutcomeUnknown,
  UpstreamResourceMismatch,
  UpstreamUnavailable,
} from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import type { ApplicationIdentity } from './model/mapping.js';
import { MappingNotActive, MappingPending, RevocationPending } from './errors.js';
import { newLease } from './store/identity-map.js';
import { MemoryIdentityMap } from './testing/memory-identity-map.js';
import { wireIdentityMapping } from './testing/wire-identity-mapping.js';

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

/** One replica over memory fakes. @param shared what it shares with another replica */
function openReplica(shared?: {
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
  const services = wireIdentityMapping({ map, gateway, audit, resources, clock, logger });
  return { clock, map, gateway, audit, logger, ...services };
}

describe('IdentityMappingService', () => {
  let one: ReturnType<typeof openReplica>;
  let identity: ApplicationIdentity;
  const ensure = async (on = one) => on.mappings.ensureActive({ identity, actor });
  const actions = (): string[] => one.audit.entries.map(({ action }) => action);
  /** Advances the clock until the promise has settled. */
  const advancing = async <T>(work: Promise<T>): Promise<T> => {
    const state = { isOver: false };
    void work.catch(() => undefined).finally(() => (state.isOver = true));
    for (let step = 0; step < 2_000 && !state.isOver; step += 1) {
      await new Promise(setImmediate);
      if (one.clock.sleeping > 0) await one.clock.advance(50);
    }
    return work;
  };

  beforeEach(() => {
    one = openReplica();
    identity = {
      tenant: canonicalName('contoso'),
      subject: canonicalName(randomUUID()),
      kind: 'user',
    };
  });

  it('gives callers that race in two replicas one identity', async () => {
    const other = openReplica(one);
    const all = await advancing(
      Promise.all(Array.from({ length: 40 }, async (_, n) => ensure(n % 2 ? one : other))),
    );
    expect(new Set(all.map(({ mapping }) => mapping.communicationUserId)).size).toBe(1);
    expect(one.gateway.identities.size).toBe(1);
    expect(actions()).toEqual(['identity.create']);
  });

  it('records a lost response and lets the next caller create at once', async () => {
    one.gateway.failNext('create', new UpstreamOutcomeUnknown(), true);
    await expect(ensure()).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
    await ensure();
    expect(actions()).toEqual(['identity.outcome-unknown', 'identity.create']);
  });

  it('records where ACS created an identity of another resource', async () => {
    const cause = new Error('ACS gave an identity of the resource 1; ACS_RESOURCE_ID is 2');
    one.gateway.failNext('create', new UpstreamResourceMismatch({ cause }), true);
    await expect(ensure()).rejects.toBeInstanceOf(UpstreamResourceMismatch);
    expect(one.audit.entries.at(-1)).toMatchObject({
      action: 'identity.outcome-unknown',
      reason: { code: 'acs-resource-mismatch', detail: cause.message },
    });
    await ensure();
    expect(actions()).toEqual(['identity.outcome-unknown', 'identity.create']);
  });

  describe('when the answer of ACS comes after the deadline', () => {
    const createLate = async () => {
      const created = await one.gateway.createIdentity({ resource: 'default' });
      const { promise: late, resolve: answer } = Promise.withResolvers<
        typeof created | undefined
      >();
      one.gateway.failNext('create', new UpstreamOutcomeUnknown({ late }));
      await expect(ensure()).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
      return { created, answer };
    };

    it('maps its identity', async () => {
      const { created, answer } = await createLate();
      answer(created);
      const { mapping, isNew } = await advancing(ensure());
      expect(mapping.communicationUserId).toBe(created.communicationUserId);
      expect([isNew, actions()]).toEqual([false, ['identity.create']]);
    });

    it('deletes its identity when another caller has taken the mapping over', async () => {
      const { created, answer } = await createLate();
      await one.clock.advance(one.settings.leaseMs + 1);
      const { mapping } = await ensure();
      answer(created);
      await vi.waitUntil(() => actions().at(-1) === 'identity.delete');
      expect([...one.gateway.identities.keys()]).toEqual([mapping.communicationUserId]);
    });

    it('records an unknown outcome when none comes', async () => {
      const { answer } = await createLate();
      expect(actions()).toEqual([]);
      answer(undefined);
      await vi.waitUntil(() => actions().at(-1) === 'identity.outcome-unknown');
    });
  });

  it.each(['revoke', 'delete'] as const)(
    'does not send a %s whose lease has ended, because another replica may have sent it since',
    async (operation) => {
      const { mapping } = await ensure();
      const record = one.audit.recordAll.bind(one.audit);
      one.audit.recordAll = async (...events) => {
        const receipts = await record(...events);
        one.audit.recordAll = record;
        await one.clock.advance(one.settings.leaseMs + 1); // the process was stopped
        return receipts;
      };
      if (operation === 'delete') await one.deletion.begin(mapping, { actor });
      else await one.mappings.revokeTokens({ id: mapping.id, tenant: 'any' }, { actor });
      const sent = (): string[] => one.gateway.calls.map((made) => made.operation);
      expect(sent()).not.toContain(operation);
      await one.worker.sweep();
      expect(sent().filter((made) => made === operation)).toHaveLength(1);
    },
  );

  it('records nothing when ACS has certainly created no identity', async () => {
    one.gateway.failNext('create', new UpstreamUnavailable());
    await expect(ensure()).rejects.toBeInstanceOf(UpstreamUnavailable);
    await ensure();
    expect(actions()).toEqual(['identity.create']);
  });

  it('takes over from a replica that died, and records that the outcome is unknown', async () => {
    await one.map.claim(identity, 'default', newLease(1_000, one.clock));
    await one.clock.advance(1_001);
    await ensure();
    expect(actions()).toEqual(['identity.outcome-unknown', 'identity.create']);
  });

  it('refuses callers with MappingPending when a creation takes longer than they wait', async () => {
    await one.map.claim(identity, 'default', newLease(60_000, one.clock));
    await expect(advancing(ensure())).rejects.toBeInstanceOf(MappingPending);
  });

  it('refuses them as soon when the clock is set back meanwhile', async () => {
    await one.map.claim(identity, 'default', newLease(60_000, one.clock));
    const startedAt = one.clock.monotonicNow();
    const waiting = ensure();
    await new Promise(setImmediate);
    one.clock.step(-20_000);
    await expect(advancing(waiting)).rejects.toBeInstanceOf(MappingPending);
    expect(one.clock.monotonicNow() - startedAt).toBeLessThanOrEqual(10_000);
  });

  it('records and deletes an identity that was created after its lease had been taken over', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    const create = one.gateway.createIdentity.bind(one.gateway);
    one.gateway.createIdentity = async (call) => {
      one.gateway.createIdentity = create;
      const created = await create(call);
      await gate;
      return created;
    };
    const slow = expect(ensure()).rejects.toBeInstanceOf(MappingPending);
    await vi.waitUntil(() => one.gateway.identities.size === 1);
    await one.clock.advance(one.settings.leaseMs + 1);
    await one.worker.sweep();
    const { mapping } = await ensure();
    open(undefined);
    await slow;
    expect([...one.gateway.identities.keys()]).toEqual([mapping.communicationUserId]);
    expect(one.audit.entries.map(({ action, outcome }) => [action, outcome])).toEqual([
      ['identity.outcome-unknown', 'unknown'],
      ['identity.create', 'success'],
      ['identity.create', 'failure'],
      ['identity.delete', 'success'],
    ]);
  });

  it('deletes an orphan with a later call when the first one fails', async () => {
    const { mapping } = await ensure();
    const orphan = await one.gateway.createIdentity({ resource: 'default' });
    one.gateway.failNext('delete', new UpstreamUnavailable());
    await one.orphans.add({ ...orphan, mapping }, { actor });
    expect(one.gateway.identities.size).toBe(2);
    await one.clock.advance(one.settings.leaseMs + 1);
    await one.worker.sweep();
    expect([...one.gateway.identities.keys()]).toEqual([mapping.communicationUserId]);
    expect(actions().at(-1)).toBe('identity.delete');
  });

  it('maps the created identity in the background after an outage of the audit log', async () => {
    one.audit.outage = new AuditUnavailable();
    await expect(ensure()).rejects.toBeInstanceOf(AuditUnavailable);
    expect((await one.map.find(identity))?.status).toBe('pending');
    one.audit.outage = undefined;
    await one.clock.advance(1_000);
    expect(await one.map.find(identity)).toMatchObject({ status: 'active' });
    await ensure();
    expect(one.gateway.identities.size).toBe(1);
    expect(actions()).toEqual(['identity.create']);
  });

  it('records the first token with the identity, and rejects when that fails', async () => {
    const tokenEvent = { action: 'token.issue', outcome: 'success', actor } as const;
    const create = async () =>
      one.mappings.findOrCreate({ identity, actor }, { scopes: ['voip'], expiresInMinutes: 60 });
    const { creation } = await create();
    expect(creation?.issued?.token).toBeDefined();
    expect(await creation?.commit(tokenEvent)).toMatchObject({ index: 1 });
    expect(actions()).toEqual(['identity.create', 'token.issue']);
    expect(one.gateway.calls.map(({ operation }) => operation)).toEqual(['createWithToken']);
    identity = { ...identity, subject: canonicalName(randomUUID()) };
    const { creation: other } = await create();
    one.audit.outage = new AuditUnavailable();
    await expect(other?.commit(tokenEvent)).rejects.toBeInstanceOf(AuditUnavailable);
  });

  it('keeps an identity that is disposed of before its commit, and lets other callers wait for it', async () => {
    const { creation } = await one.mappings.findOrCreate({ identity, actor });
    const other = ensure(openReplica(one));
    creation?.[Symbol.dispose]();
    expect((await advancing(other)).mapping).toMatchObject({ id: creation?.mapping.id });
    expect(one.gateway.identities.size).toBe(1);
    expect(actions()).toEqual(['identity.create']);
  });

  it('does nothing when an identity is disposed of after its commit', async () => {
    const { creation } = await one.mappings.findOrCreate({ identity, actor });
    await creation?.commit();
    creation?.[Symbol.dispose]();
    await ensure();
    expect(actions()).toEqual(['identity.create']);
  });

  it('refuses tokens until a revocation is confirmed, and tokens of the generation before', async () => {
    const { mapping } = await ensure();
    one.gateway.failNext('revoke', new UpstreamUnavailable());
    await one.mappings.revokeTokens({ id: mapping.id, tenant: 'any' }, { actor });
    await expect(ensure()).rejects.toBeInstanceOf(RevocationPending);
    await one.clock.advance(one.settings.leaseMs + 1);
    await one.worker.sweep();
    expect((await ensure()).mapping).toMatchObject({ tokenGeneration: 2, isRevoking: false });
    await expect(one.mappings.requireUnchanged(mapping)).rejects.toBeInstanceOf(RevocationPending);
    expect(one.gateway.identities.get(mapping.communicationUserId)?.revocations).toBe(1);
  });

  it('logs no warning when the budget defers a revocation, a deletion or that of an orphan', async () => {
    const { mapping } = await ensure();
    const orphan = await one.gateway.createIdentity({ resource: 'default' });
    one.gateway.failNext('delete', new BudgetExhausted(30));
    await one.orphans.add({ ...orphan, mapping }, { actor });
    one.gateway.failNext('revoke', new BudgetExhausted(30));
    await one.mappings.revokeTokens({ id: mapping.id, tenant: 'any' }, { actor });
    await one.clock.advance(one.settings.leaseMs + 1);
    await one.worker.sweep();
    one.gateway.failNext('delete', new BudgetExhausted(30));
    const { mapping: revoked } = await ensure();
    await one.deletion.begin(revoked, { actor });
    const lines = one.logger.lines.filter(({ level }) => level !== 'info');
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['debug', 'the budget defers the deletion of an orphan'],
      ['debug', 'the budget defers a revocation'],
      ['debug', 'the budget defers a deletion'],
    ]);
  });

  it('completes a deletion that ACS did not confirm at first, and refuses tokens meanwhile', async () => {
    const { mapping } = await ensure();
    one.gateway.failNext('delete', new UpstreamUnavailable());
    await one.deletion.begin(mapping, { actor });
    await expect(ensure()).rejects.toBeInstanceOf(MappingNotActive);
    await expect(one.mappings.requireUnchanged(mapping)).rejects.toBeInstanceOf(MappingNotActive);
    await one.clock.advance(one.settings.leaseMs + 1);
    await one.worker.sweep();
    expect(await one.map.get(mapping.id)).toMatchObject({ status: 'deleted' });
    expect(one.gateway.identities.size).toBe(0);
  });

  it('releases a pending mapping of a replica that died, in the recovery worker', async () => {
    await one.map.claim(identity, 'default', newLease(1_000, one.clock));
    await one.clock.advance(1_001);
    await one.worker.sweep();
    expect(actions()).toEqual(['identity.outcome-unknown']);
    await ensure();
    expect(actions()).toEqual(['identity.outcome-unknown', 'identity.create']);
  });

  it('deletes orphans although the recovery of mappings fails, and the reverse', async () => {
    const { mapping } = await ensure();
    const communicationUserId = (
      await one.gateway.createIdentity({ resource: 'default', ...{ subject: 'lost' } })
    ).communicationUserId;
    one.gateway.failNext('delete', new UpstreamUnavailable());
    await one.orphans.add({ communicationUserId, mapping }, { actor });
    await one.clock.advance(one.settings.leaseMs + 1);
    const overdue = vi.spyOn(one.map, 'owedResources').mockRejectedValue(new Error('timeout'));
    await expect(one.worker.sweep()).rejects.toThrow('timeout');
    expect([...one.gateway.identities.keys()]).toEqual([mapping.communicationUserId]);

    overdue.mockRestore();
    vi.spyOn(one.map, 'owedOrphanResources').mockRejectedValue(new Error('timeout'));
    one.gateway.failNext('revoke', new UpstreamUnavailable());
    await one.mappings.revokeTokens({ id: mapping.id, tenant: 'any' }, { actor });
    await one.clock.advance(one.settings.leaseMs + 1);
    await expect(one.worker.sweep()).rejects.toThrow('timeout');
    expect(await one.map.get(mapping.id)).toMatchObject({ isRevoking: false });
  });
});
