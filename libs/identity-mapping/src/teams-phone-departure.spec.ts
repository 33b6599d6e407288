import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryAuditTrail } from '#libs/audit/testing';
import { CommunicationResources, UpstreamUnavailable } from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import type { CallContext, Principal } from '#libs/platform';
import { ManualClock, MemoryLogger, newGuid } from '#libs/platform/testing';
import { AssigneeNotActive, AssignmentPending } from '#libs/teams-phone';
import { IdentityKindConflict, MappingNotFound } from './errors.js';
import { MemoryIdentityMap } from './testing/memory-identity-map.js';
import { wireIdentityMapping } from './testing/wire-identity-mapping.js';

const context = { actor: { kind: 'operator', name: 'spec' } } as const;

function open() {
  const clock = new ManualClock();
  const resource = { name: 'default', endpoint: 'https://acs.example', tenants: [] };
  const resources = new CommunicationResources(
    [{ ...resource, immutableResourceId: newGuid() }],
    'default',
  );
  const gateway = new MemoryCommunicationIdentityGateway(resources, clock);
  const map = new MemoryIdentityMap(clock);
  const adapters = { map, gateway, audit: new MemoryAuditTrail(), resources, clock };
  return { ...adapters, ...wireIdentityMapping({ ...adapters, logger: new MemoryLogger() }) };
}

describe('the Teams Phone assignment of somebody', () => {
  const tenant = newGuid();
  let service: ReturnType<typeof open>;
  let objectId: ReturnType<typeof newGuid>;
  beforeEach(async () => {
    service = open();
    objectId = newGuid();
    const wanted = { tenant, objectId, principalType: 'user', clientIds: [] } as const;
    await service.teamsPhone.assignments.put(wanted, context);
  });
  const suspend = async (): Promise<void> => {
    const identity = { tenant, subject: objectId, kind: 'user' } as const;
    const { mapping } = await service.mappings.ensureActive({ ...context, identity });
    const reference = { id: mapping.id, tenant };
    await service.administration.update(reference, { status: 'suspended' }, context);
  };
  const assign = async (principalType: 'user' | 'teamsResourceAccount' = 'user') =>
    service.teamsPhone.assignments.put({ tenant, objectId, principalType, clientIds: [] }, context);
  /** Advances the clock until the work has settled: requests wait for each other. */
  const advancing = async <T>(work: Promise<T>): Promise<T> => {
    const state = { isOver: false };
    void work.catch(() => undefined).finally(() => (state.isOver = true));
    while (!state.isOver) {
      await new Promise(setImmediate);
      if (service.clock.sleeping > 0) await service.clock.advance(50);
    }
    return work;
  };
  const reasons = (): unknown[] =>
    service.audit.entries
      .filter(({ action }) => action === 'teams-phone.unassign')
      .map(({ reason, details }) => [reason?.code, details?.stage]);

  it('is deleted when the identity is suspended', async () => {
    await suspend();
    expect(service.gateway.assignments.size).toBe(0);
    expect(reasons()).toEqual([
      ['identity-suspended', 'requested'],
      [undefined, 'confirmed'],
    ]);
  });

  describe('is made again at ACS, which revokes its tokens,', () => {
    const person = (): CallContext<Principal> => ({
      actor: {
        ...{ kind: 'user', issuer: 'https://login.example', tenant, subject: objectId },
        ...{ permissions: [], isGuest: false },
      },
    });
    const ensure = async (): Promise<string> => {
      const identity = { tenant, subject: objectId, kind: 'user' } as const;
      return (await service.mappings.ensureActive({ ...context, identity })).mapping.id;
    };
    const requested = (): unknown[] =>
      service.audit.entries
        .filter(({ action, outcome }) => action === 'token.revoke' && outcome === 'success')
        .map(({ reason, details }) => [reason?.code, details?.stage]);

    it.each<[string, (id: string) => Promise<unknown>]>([
      [
        'their tokens are revoked',
        async (id) => service.mappings.revokeTokens({ id, tenant }, context),
      ],
      ['they revoke their own tokens', async () => service.mappings.revokeOwnTokens(person())],
      ['they sign out', async () => service.mappings.signOut(person())],
      [
        'their identity is deleted',
        async (id) => service.administration.delete({ id, tenant }, context),
      ],
    ])('when %s', async (_what, revoke) => {
      const id = await ensure();
      service.gateway.calls.length = 0;
      await revoke(id);
      const calls = service.gateway.calls.map(({ operation }) => operation);
      expect(calls.filter((each) => each.endsWith('assign'))).toEqual(['unassign', 'assign']);
      expect(reasons()).toEqual([['token-revocation', 'confirmed']]);
      expect(service.gateway.assignments.size).toBe(1);
    });

    it.each<[string, () => Promise<unknown>]>([
      ['own-request', async () => service.mappings.revokeOwnTokens(person())],
      ['sign-out', async () => service.mappings.signOut(person())],
    ])('without an identity as well (%s)', async (code, revoke) => {
      expect(await revoke()).toMatchObject({ effectiveWithinMinutes: 15, auditEntry: {} });
      expect(requested()).toEqual([[code, 'requested']]);
      expect(reasons()).toEqual([['token-revocation', 'confirmed']]);
    });

    it('by the recovery worker when ACS does not confirm at first', async () => {
      service.gateway.failNext('unassign', new UpstreamUnavailable());
      await service.mappings.signOut(person());
      expect(reasons()).toEqual([]);
      await service.clock.advance(1);
      await service.teamsPhone.recovery.sweep();
      expect(reasons()).toEqual([['token-revocation', 'confirmed']]);
    });

    it('not when the identity is mapped under another kind, which is recorded', async () => {
      await ensure();
      const bot = { ...person(), actor: { ...person().actor, kind: 'bot' as const } };
      await expect(service.mappings.signOut(bot)).rejects.toThrow(IdentityKindConflict);
      expect(service.audit.entries.at(-1)).toMatchObject({
        ...{ action: 'token.revoke', outcome: 'denied' },
        reason: { code: 'identity-kind-conflict' },
      });
    });

    it('unless there is none: then a sign-out finds nothing to revoke', async () => {
      await service.teamsPhone.assignments.delete({ tenant, objectId }, context);
      expect(await service.mappings.signOut(person())).toEqual({ effectiveWithinMinutes: 0 });
      expect(requested()).toEqual([['sign-out', 'nothing to revoke']]);
      await expect(service.mappings.revokeOwnTokens(person())).rejects.toThrow(MappingNotFound);
    });
  });

  it('is refused while the identity is suspended, and possible again when it is resumed', async () => {
    await suspend();
    await expect(assign()).rejects.toThrow(AssigneeNotActive);
    expect(service.audit.entries.at(-1)).toMatchObject({
      ...{ action: 'teams-phone.assign', outcome: 'denied' },
      reason: { code: 'teams-phone-assignee-not-active' },
    });
    const [mapping] = await service.map.listSubject(tenant, objectId);
    const reference = { id: mapping?.id ?? '', tenant };
    await service.administration.update(reference, { status: 'active' }, context);
    expect(await assign()).toMatchObject({ isNew: true, assignment: { status: 'active' } });
  });

  it('is gone when the identity is suspended while others assign it, wherever the requests meet', async () => {
    for (let steps = 0; steps < 40; steps += 1) {
      service = open();
      await assign();
      const suspending = suspend();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      const outcomes = await advancing(
        Promise.allSettled([suspending, assign('teamsResourceAccount')]),
      );
      const errors = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
      );
      for (const error of errors) expect(error).toMatchObject({ status: 409 });
      expect(service.gateway.assignments.size, `after ${steps} steps`).toBe(0);
    }
  });

  it('is deleted by the recovery worker when the process died after the suspension', async () => {
    const identity = { tenant, subject: objectId, kind: 'user' } as const;
    const { mapping } = await service.mappings.ensureActive({ ...context, identity });
    const { version, tokenGeneration, ...rest } = mapping;
    const suspended = { ...rest, status: 'suspended', isRevoking: true } as const;
    const next = { ...suspended, version: version + 1, tokenGeneration: tokenGeneration + 1 };
    const lease = { holder: newGuid(), durationMs: 1_000, endsAt: 1_000 };
    const event = { ...context, action: 'identity.suspend', outcome: 'success' } as const;
    await service.audit.record(event, service.map.replace(mapping, next, lease));
    await service.clock.advance(2_000);
    await service.worker.sweep();
    expect(service.gateway.assignments.size).toBe(0);
  });

  it('is deleted when the person is erased, also without an identity', async () => {
    const person = { tenant, subject: objectId };
    expect(await service.administration.erase(person, context)).toMatchObject({
      isComplete: true,
      mappings: [],
    });
    expect(service.gateway.assignments.size).toBe(0);
    expect(reasons()[0]).toEqual(['person-erased', 'requested']);
  });

  it('keeps an erasure incomplete until ACS has confirmed', async () => {
    service.gateway.failNext('unassign', new UpstreamUnavailable());
    const person = { tenant, subject: objectId };
    expect(await service.administration.erase(person, context)).toMatchObject({
      isComplete: false,
    });
    await service.teamsPhone.recovery.sweep();
    await service.clock.advance(1);
    await service.teamsPhone.recovery.sweep();
    expect(service.gateway.assignments.size).toBe(0);
    expect(await service.administration.erase(person, context)).toMatchObject({ isComplete: true });
  });

  describe('when its step fails,', () => {
    const failing = async (): Promise<string> => {
      const identity = { tenant, subject: objectId, kind: 'user' } as const;
      const { mapping } = await service.mappings.ensureActive({ ...context, identity });
      vi.spyOn(service.teamsPhone.assignments, 'deleteForPerson').mockRejectedValueOnce(
        new AssignmentPending(),
      );
      service.gateway.calls.length = 0;
      return mapping.id;
    };
    const operations = (): unknown[] => service.gateway.calls.map(({ operation }) => operation);

    it('a suspension revokes the tokens of the identity all the same, and is repeated', async () => {
      const id = await failing();
      await service.administration.update({ id, tenant }, { status: 'suspended' }, context);
      expect(operations()).toEqual(['revoke']);
      await service.clock.advance(60_000);
      await service.worker.sweep();
      expect(operations()).toEqual(['revoke', 'unassign', 'revoke']);
      expect(service.gateway.assignments.size).toBe(0);
    });

    it('an erasure deletes the identities all the same, and is incomplete until it is repeated', async () => {
      const id = await failing();
      const person = { tenant, subject: objectId };
      vi.mocked(service.teamsPhone.assignments.deleteForPerson).mockRejectedValueOnce(
        new AssignmentPending(),
      );
      expect(await service.administration.erase(person, context)).toMatchObject({
        isComplete: false,
        assignmentProblem: 'teams-phone-assignment-pending',
        mappings: [{ mapping: { id, status: 'deleted' } }],
      });
      expect(await service.administration.erase(person, context)).toMatchObject({
        isComplete: true,
      });
    });
  });

  it('is gone when the person is erased while others assign it', async () => {
    for (let steps = 0; steps < 40; steps += 1) {
      service = open();
      const identity = { tenant, subject: objectId, kind: 'user' } as const;
      await service.mappings.ensureActive({ ...context, identity });
      await assign();
      const erasing = service.administration.erase({ tenant, subject: objectId }, context);
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      let isErased = false;
      void erasing.then(() => (isErased = true));
      const [erased, assigned] = await advancing(
        Promise.allSettled([erasing, assign('teamsResourceAccount').then(() => isErased)]),
      );
      expect(erased.status).toBe('fulfilled');
      // What is assigned after the erasure is another one.
      const isLater = assigned.status === 'fulfilled' && assigned.value;
      if (!isLater) expect(service.gateway.assignments.size, `after ${steps} steps`).toBe(0);
    }
  });
});
