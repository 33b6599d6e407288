import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryAuditTrail } from '#libs/audit/testing';
import {
  CommunicationResources,
  type GatewayCall,
  type TeamsPhoneAssignment,
  TeamsPhoneAssignmentRefused,
  UpstreamOutcomeUnknown,
  UpstreamUnavailable,
} from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { ManualClock, MemoryLogger, newGuid } from '#libs/platform/testing';
import { BudgetExhausted } from '#libs/request-budget';
import { newAssignment } from './assignment.js';
import { AssignmentRenewal } from './assignment-renewal.js';
import { AssigneeNotActive, AssignmentNotFound } from './errors.js';
import { MemoryAssignmentStore } from './testing/memory-assignment-store.js';
import { wireTeamsPhone } from './testing/wire-teams-phone.js';

const resources = new CommunicationResources(
  [
    {
      name: 'default',
      endpoint: 'https://acs.example',
      immutableResourceId: newGuid(),
      tenants: [],
    },
  ],
  'default',
);
const context = { actor: { kind: 'operator', name: 'spec' } } as const;
const tenant = newGuid();

/** An ACS that counts the calls about one principal that are under way at the same time. */
class CountingGateway extends MemoryCommunicationIdentityGateway {
  readonly #underWay = new Map<string, number>();
  mostAtOnce = 0;

  override async putAssignment(call: GatewayCall, assignment: TeamsPhoneAssignment) {
    return this.#counted(assignment, async () => super.putAssignment(call, assignment));
  }

  override async deleteAssignment(call: GatewayCall, holder: TeamsPhoneAssignment) {
    return this.#counted(holder, async () => super.deleteAssignment(call, holder));
  }

  async #counted<T>({ objectId }: TeamsPhoneAssignment, work: () => Promise<T>): Promise<T> {
    const count = (this.#underWay.get(objectId) ?? 0) + 1;
    this.#underWay.set(objectId, count);
    this.mostAtOnce = Math.max(this.mostAtOnce, count);
    try {
      return await work();
    } finally {
      this.#underWay.set(objectId, (this.#underWay.get(objectId) ?? 0) - 1);
    }
  }
}

function openShared(isBarred?: ConstructorParameters<typeof MemoryAssignmentStore>[1]) {
  const clock = new ManualClock();
  const store = new MemoryAssignmentStore(clock, isBarred);
  const gateway = new CountingGateway(resources, clock);
  const audit = new MemoryAuditTrail();
  return { clock, store, gateway, audit, resources, logger: new MemoryLogger() };
}

describe('TeamsPhoneAssignments', () => {
  let shared: ReturnType<typeof openShared>;
  let one: ReturnType<typeof wireTeamsPhone>;
  let wanted: TeamsPhoneAssignment;
  beforeEach(() => {
    shared = openShared();
    one = wireTeamsPhone(shared);
    wanted = { tenant, objectId: newGuid(), principalType: 'user', clientIds: [] };
  });

  const calls = (): string[] => shared.gateway.calls.map(({ operation }) => operation);
  const entries = (): unknown[] =>
    shared.audit.entries.map(({ action, outcome, details }) => [action, outcome, details?.stage]);
  const atAcs = (): TeamsPhoneAssignment[] => [...shared.gateway.assignments.values()];
  /** Advances the clock until the promise has settled. */
  const advancing = async <T>(work: Promise<T>): Promise<T> => {
    const state = { isOver: false };
    void work.catch(() => undefined).finally(() => (state.isOver = true));
    for (let step = 0; step < 20_000 && !state.isOver; step += 1) {
      await new Promise(setImmediate);
      if (shared.clock.sleeping > 0) await shared.clock.advance(50);
    }
    return work;
  };
  /** As the recovery workers do, after every lease has expired. */
  const recover = async (): Promise<void> => {
    for (let sweep = 0; sweep < 5; sweep += 1) {
      await shared.clock.advance(10_000);
      await one.recovery.sweep();
    }
  };

  it('records each change before and after ACS is called, and what is so already as read', async () => {
    const created = await one.assignments.put(wanted, context);
    expect(created).toMatchObject({ isNew: true, assignment: { status: 'active', version: 1 } });
    const next = { ...wanted, principalType: 'teamsResourceAccount' } as const;
    for (let time = 0; time < 2; time += 1) {
      const replaced = await one.assignments.put(next, context);
      expect(replaced).toMatchObject({ isNew: false, assignment: { status: 'active' } });
    }
    expect(atAcs()).toMatchObject([next]);
    for (let time = 0; time < 2; time += 1) {
      expect(await one.assignments.delete(wanted, context)).toMatchObject({ status: 'deleted' });
    }
    expect(atAcs()).toEqual([]);
    expect(calls()).toEqual(['assign', 'assign', 'unassign']);
    const stages = (action: string) => [
      [action, 'success', 'requested'],
      [action, 'success', 'confirmed'],
    ];
    const [assign, unassign] = [stages('teams-phone.assign'), stages('teams-phone.unassign')];
    const read = ['teams-phone.read', 'success', undefined];
    expect(entries()).toEqual([...assign, ...assign, read, ...unassign, read]);
  });

  it.each([
    ['is taken away', 1, ['assign', 'unassign', 'assign']],
    ['is the first that is named', 0, ['assign', 'unassign', 'assign']],
    ['is added', 2, ['assign', 'assign']],
  ])('revokes its tokens when an application %s, if one loses them', async (_what, which, made) => {
    const [kept, taken, added] = [newGuid(), newGuid(), newGuid()];
    const changes = [
      { from: [], to: [kept] },
      { from: [kept, taken], to: [kept] },
      { from: [kept], to: [kept, added] },
    ];
    const { from, to } = changes[which] ?? { from: [], to: [] };
    await one.assignments.put({ ...wanted, clientIds: from }, context);
    const { assignment } = await one.assignments.put({ ...wanted, clientIds: to }, context);
    expect(assignment).toMatchObject({ status: 'active', version: 2, clientIds: to });
    expect(calls()).toEqual(made);
    expect(atAcs()).toMatchObject([{ clientIds: to }]);
    const renewals = shared.audit.entries.filter(({ action }) => action === 'teams-phone.unassign');
    expect(renewals.map(({ reason }) => reason?.code)).toEqual(
      made.includes('unassign') ? ['token-revocation'] : [],
    );
  });

  it('refuses to delete what never was, and records that', async () => {
    await expect(one.assignments.delete(wanted, context)).rejects.toThrow(AssignmentNotFound);
    expect(calls()).toEqual([]);
    expect(entries()).toEqual([['teams-phone.unassign', 'denied', undefined]]);
  });

  it.each([
    ['has taken effect', true],
    ['has not taken effect', false],
  ])('records a lost response, and repeats the call that %s', async (_which, isApplied) => {
    shared.gateway.failNext('assign', new UpstreamOutcomeUnknown(), isApplied);
    const { assignment } = await one.assignments.put(wanted, context);
    expect(assignment.status).toBe('pending');
    expect(entries().at(-1)).toEqual(['teams-phone.assign', 'unknown', 'requested']);
    await recover();
    expect(await one.assignments.read(wanted, context)).toMatchObject({ status: 'active' });
    expect(atAcs()).toMatchObject([wanted]);
  });

  it('records each call whose outcome is unknown, also of a process that died and of the recovery worker', async () => {
    await one.assignments.put(wanted, context);
    shared.gateway.failNext('unassign', new UpstreamUnavailable());
    const { id } = await one.assignments.delete(wanted, context);
    const dead = { holder: newGuid(), durationMs: 3_000, endsAt: 0 };
    expect(await shared.store.hold(id, dead)).toMatchObject({ isTakeover: false });
    shared.gateway.failNext('unassign', new UpstreamOutcomeUnknown(), true);
    await recover();
    const outcomes = shared.audit.entries
      .filter(({ action }) => action === 'teams-phone.unassign')
      .map(({ outcome, actor, reason }) => [outcome, actor.kind, reason?.code]);
    expect(outcomes).toEqual([
      ['success', 'operator', undefined],
      ['unknown', 'system', 'acs-outcome-unknown'],
      ['unknown', 'system', 'acs-outcome-unknown'],
      ['success', 'system', undefined],
    ]);
  });

  it('keeps what ACS has when ACS does not accept an assignment', async () => {
    const refuse = (): void => {
      shared.gateway.failNext('assign', new TeamsPhoneAssignmentRefused());
    };
    refuse();
    await expect(one.assignments.put(wanted, context)).rejects.toThrow(TeamsPhoneAssignmentRefused);
    await expect(one.assignments.read(wanted, context)).rejects.toThrow(AssignmentNotFound);
    await one.assignments.put(wanted, context);
    refuse();
    const next = { ...wanted, principalType: 'teamsResourceAccount' } as const;
    await expect(one.assignments.put(next, context)).rejects.toThrow(TeamsPhoneAssignmentRefused);
    expect(await one.assignments.read(wanted, context)).toMatchObject({
      ...wanted,
      status: 'active',
    });
  });

  it('lets a deletion reach ACS before the same principal is assigned again', async () => {
    await one.assignments.put(wanted, context);
    shared.gateway.failNext('unassign', new UpstreamUnavailable());
    expect(await one.assignments.delete(wanted, context)).toMatchObject({ status: 'deleting' });
    const { isNew } = await advancing(one.assignments.put(wanted, context));
    expect(isNew).toBe(true);
    expect(calls()).toEqual(['assign', 'unassign', 'unassign', 'assign']);
  });

  it.each([
    ['assigns again', true],
    ['deletes as well', false],
  ])('does not record the change of another caller as of who %s', async (_what, isAssigning) => {
    await one.assignments.put(wanted, context);
    shared.gateway.failNext('unassign', new UpstreamUnavailable());
    await one.assignments.delete(wanted, context);
    const other = { actor: { kind: 'operator', name: 'another' } } as const;
    await advancing<unknown>(
      isAssigning ? one.assignments.put(wanted, other) : one.assignments.delete(wanted, other),
    );
    const deletions = shared.audit.entries.filter(({ action }) => action.endsWith('unassign'));
    expect(deletions).toMatchObject([
      { ...context, details: { stage: 'requested' } },
      { actor: { kind: 'system' }, details: { stage: 'confirmed' } },
    ]);
  });

  it('does not wait for a call that another replica has under way when its process died', async () => {
    await one.assignments.put(wanted, context);
    const { id } = await one.assignments.read(wanted, context);
    const dead = { holder: newGuid(), durationMs: 3_000, endsAt: 0 };
    const known = await shared.store.get(id);
    if (!known) throw new Error('not stored');
    await shared.audit.record(
      { ...context, action: 'teams-phone.unassign', outcome: 'success' },
      shared.store.replace(known, { ...known, status: 'deleting', version: 2 }),
    );
    await shared.store.hold(id, dead);
    await recover();
    expect(atAcs()).toEqual([]);
  });

  describe('in a mass revocation', () => {
    const renew = async (): Promise<void> => {
      const event = { ...context, action: 'revocation.start', outcome: 'success' } as const;
      await shared.audit.record(event, shared.store.renew(wanted));
    };
    const remaining = async (): Promise<unknown> => [
      ...(await new AssignmentRenewal(shared.store).remaining({ tenant }, 1)).values(),
    ];

    it('are deleted at ACS, which revokes their tokens, and made again, whatever fails', async () => {
      await one.assignments.put(wanted, context);
      await renew();
      expect(await one.assignments.read(wanted, context)).toMatchObject({ status: 'renewing' });
      expect(await remaining()).toEqual([1]);
      shared.gateway.failNext('unassign', new UpstreamUnavailable());
      shared.gateway.failNext('assign', new UpstreamOutcomeUnknown());
      await recover();
      expect(calls()).toEqual(['assign', 'unassign', 'unassign', 'assign', 'assign']);
      expect(await one.assignments.read(wanted, context)).toMatchObject({
        ...{ ...wanted, status: 'active', version: 2 },
      });
      expect(atAcs()).toMatchObject([wanted]);
      expect(await remaining()).toEqual([]);
      const renewals = shared.audit.entries.filter(
        ({ reason }) => reason?.code === 'token-revocation',
      );
      expect(renewals).toMatchObject([
        { action: 'teams-phone.unassign', outcome: 'success', details: { stage: 'confirmed' } },
      ]);
    });

    it('are replaced by another caller only after their tokens are revoked', async () => {
      await one.assignments.put(wanted, context);
      await renew();
      const next = { ...wanted, principalType: 'teamsResourceAccount' } as const;
      await advancing(one.assignments.put(next, context));
      expect(calls()).toEqual(['assign', 'unassign', 'assign', 'assign']);
      expect(atAcs()).toMatchObject([next]);
    });

    it('stay deleted when somebody deletes them meanwhile', async () => {
      await one.assignments.put(wanted, context);
      await renew();
      expect(await one.assignments.delete(wanted, context)).toMatchObject({ status: 'deleted' });
      await recover();
      expect(atAcs()).toEqual([]);
      expect(calls()).toEqual(['assign', 'unassign']);
    });

    it('are also those whose application is taken away and still has tokens', async () => {
      const clientId = newGuid();
      await one.assignments.put({ ...wanted, clientIds: [clientId] }, context);
      shared.gateway.failNext('unassign', new UpstreamUnavailable());
      const { assignment } = await one.assignments.put(
        { ...wanted, clientIds: [newGuid()] },
        context,
      );
      expect(assignment.status).toBe('renewing');
      const renewal = new AssignmentRenewal(shared.store);
      expect([...(await renewal.count({ clientId })).values()]).toEqual([1]);
      expect([...(await renewal.remaining({ clientId }, 1)).values()]).toEqual([1]);
      await renew();
      await recover();
      expect([...(await renewal.remaining({ clientId }, 1)).values()]).toEqual([]);
    });
  });

  it('are no warning when the budget defers them', async () => {
    shared.gateway.failNext('assign', new BudgetExhausted(30));
    expect(await one.assignments.put(wanted, context)).toMatchObject({ isDeferred: true });
    expect(shared.logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it.each([
    ['fails', async () => Promise.reject(new UpstreamUnavailable())],
    ['has no permit left', async () => Promise.reject(new BudgetExhausted(30))],
    ['does not answer', async () => Promise.withResolvers<never>().promise],
  ])('are recovered at one ACS resource while another one %s', async (_what, fail) => {
    for (let nth = 0; nth < 80; nth += 1) {
      const resource = nth % 2 === 0 ? 'default' : 'gone';
      const one = { ...wanted, objectId: newGuid(), resource, status: 'pending' } as const;
      const event = { ...context, action: 'teams-phone.assign', outcome: 'success' } as const;
      await shared.audit.record(event, shared.store.add(newAssignment(one, shared.clock.now())));
      await shared.clock.advance(1);
    }
    const put = shared.gateway.putAssignment.bind(shared.gateway);
    shared.gateway.putAssignment = async (call, assignment) =>
      call.resource === 'gone' ? fail() : put(call, assignment);
    const sweeping = one.recovery.sweep();
    await expect
      .poll(async () => (await shared.store.search({ status: 'active', limit: 100 })).length)
      .toBe(40);
    if (_what !== 'does not answer') await sweeping;
    expect(await shared.store.search({ status: 'pending', limit: 100 })).toHaveLength(40);
  });

  it('agrees with ACS in the end when callers race in two replicas and calls fail at random', async () => {
    const other = wireTeamsPhone(shared);
    const people = Array.from({ length: 10 }, newGuid);
    const failures = [
      () => {
        shared.gateway.failNext('assign', new UpstreamOutcomeUnknown(), true);
      },
      () => {
        shared.gateway.failNext('unassign', new UpstreamOutcomeUnknown(), true);
      },
      () => {
        shared.gateway.failNext('assign', new UpstreamOutcomeUnknown());
      },
      () => {
        shared.gateway.failNext('unassign', new UpstreamUnavailable());
      },
      () => {
        shared.gateway.failNext('assign', new TeamsPhoneAssignmentRefused());
      },
    ];
    const change = async (nth: number): Promise<unknown> => {
      const replica = nth % 2 === 0 ? one : other;
      const objectId = people[Math.floor(Math.random() * people.length)] ?? newGuid();
      if (nth % 7 === 0) failures[Math.floor(Math.random() * failures.length)]?.();
      const principalType = Math.random() < 0.5 ? 'user' : 'teamsResourceAccount';
      const assignment = { tenant, objectId, principalType, clientIds: [] } as const;
      return Math.random() < 0.6
        ? replica.assignments.put(assignment, context)
        : replica.assignments.delete(assignment, context);
    };
    for (let round = 0; round < 5; round += 1) {
      const changes = Array.from({ length: 60 }, async (_, nth) => change(nth));
      await advancing(Promise.allSettled(changes));
    }
    await recover();
    const listed = await shared.store.search({ limit: 100 });
    expect(listed.every(({ status }) => status === 'active')).toBe(true);
    const contents = (all: readonly TeamsPhoneAssignment[]): string[] =>
      all.map(({ objectId, principalType }) => `${objectId} ${principalType}`).sort();
    expect(contents(atAcs())).toEqual(contents(listed));
    expect(shared.gateway.mostAtOnce).toBe(1);
    expect(await one.reconciliation.reconcile({ isRepairing: false }, context)).toMatchObject({
      differences: [],
    });
  });

  describe('of an ACS resource that is no longer configured', () => {
    const retired = async (status: 'active' | 'deleting' | 'deleted'): Promise<void> => {
      const assignment = newAssignment({ ...wanted, resource: 'retired', status }, 0);
      const event = { ...context, action: 'teams-phone.assign', outcome: 'success' } as const;
      await shared.audit.record(event, shared.store.add(assignment));
    };

    it('are deleted as far as this service can, and stay owed to ACS', async () => {
      await retired('active');
      expect(await one.assignments.delete(wanted, context)).toMatchObject({ status: 'deleting' });
      const entry = shared.audit.entries.at(-1);
      expect(entry).toMatchObject({
        ...{ action: 'teams-phone.unassign', outcome: 'success' },
        target: { tenant, subject: wanted.objectId, resource: 'retired' },
      });
      expect(entry?.target).not.toHaveProperty('communicationUserId');
      await one.recovery.sweep();
      expect(await one.assignments.read(wanted, context)).toMatchObject({ status: 'deleting' });
    });

    it.each(['read', 'put', 'delete'] as const)(
      'are the target of the entry of a caller who gets them by %s',
      async (operation) => {
        await retired(operation === 'delete' ? 'deleting' : 'active');
        await one.assignments[operation](wanted, context);
        expect(shared.audit.entries.at(-1)).toMatchObject({
          ...{ action: 'teams-phone.read', outcome: 'success' },
          target: { tenant, subject: wanted.objectId, resource: 'retired' },
        });
      },
    );

    it('are the target of the entry of a refusal', async () => {
      shared = openShared((holder) => holder.objectId === wanted.objectId);
      one = wireTeamsPhone(shared);
      await retired('deleting');
      await expect(one.assignments.put(wanted, context)).rejects.toBeInstanceOf(AssigneeNotActive);
      expect(shared.audit.entries.at(-1)).toMatchObject({
        outcome: 'denied',
        target: { resource: 'retired' },
      });
    });

    it.each(['active', 'deleted'] as const)(
      'are reported when they are %s, and stop no comparison of others',
      async (status) => {
        await retired(status);
        const other = { ...wanted, objectId: newGuid() };
        await one.assignments.put(other, context);
        await shared.gateway.deleteAssignment({ resource: 'default' }, other);
        const report = await one.reconciliation.reconcile({ isRepairing: true }, context);
        expect(report.compared).toBe(2);
        expect(report.differences).toHaveLength(2);
        expect(report.differences).toEqual(
          expect.arrayContaining([
            expect.objectContaining({ kind: 'unreachable', isRepaired: false }),
            expect.objectContaining({ kind: 'missing', isRepaired: true }),
          ]),
        );
      },
    );
  });

  describe('compared with ACS', () => {
    it.each([
      ['missing', 'active', undefined],
      ['different', 'active', 'teamsResourceAccount'],
      ['orphan', 'deleted', 'user'],
    ] as const)('finds one that is %s, and makes ACS agree', async (kind, status, type) => {
      await one.assignments.put(wanted, context);
      if (status === 'deleted') await one.assignments.delete(wanted, context);
      const call = { resource: 'default' };
      if (type === undefined) await shared.gateway.deleteAssignment(call, wanted);
      else await shared.gateway.putAssignment(call, { ...wanted, principalType: type });
      const compare = async (isRepairing: boolean) =>
        one.reconciliation.reconcile({ tenant, isRepairing }, context);
      expect(await compare(false)).toMatchObject({ differences: [{ kind, isRepaired: false }] });
      expect(await compare(true)).toMatchObject({ differences: [{ kind, isRepaired: true }] });
      expect(await compare(false)).toMatchObject({ compared: 1, differences: [] });
      expect(atAcs()).toMatchObject(status === 'active' ? [wanted] : []);
    });
  });
});
