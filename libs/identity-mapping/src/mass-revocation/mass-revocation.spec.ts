import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuditUnavailable, checkTable, MAX_CLOCK_TOLERANCE_MS } from '#libs/audit';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import {
  type Acknowledged,
  CommunicationResources,
  type CommunicationServicesSettings,
  ResourceNotConfigured,
  UpstreamUnavailable,
} from '#libs/communication-services';
import {
  type CanonicalName,
  canonicalName,
  type Clock,
  ReadingDatabase,
  Sweeps,
  SystemClock,
  type Transaction,
} from '#libs/platform';
import { newGuid, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { BudgetExhausted } from '#libs/request-budget';
import { AssignmentRenewal, PostgresAssignmentStore } from '#libs/teams-phone';
import { wireTeamsPhone } from '#libs/teams-phone/testing';
import { MappingCheck } from '../check/mapping-check.js';
import { RevocationTable } from '../check/revocation-table.js';
import {
  LeaseLost,
  MappingChanged,
  NobodyToRevoke,
  RevocationNotFound,
  RevocationPending,
} from '../errors.js';
import { auditTargetOf, type ProvisionedMapping } from '../model/mapping.js';
import { newLease } from '../store/identity-map.js';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import type { RevocationFilter } from './mass-revocation.js';
import { MassRevocationMetrics } from './mass-revocation-metrics.js';
import { MassRevocationService } from './mass-revocation.service.js';
import { MassRevocationStore } from './mass-revocation-store.js';
import { MassRevocationWorker } from './mass-revocation-worker.js';

const operator = { actor: { kind: 'operator', name: 'spec' } } as const;
const settings = {
  resources: new CommunicationResources([], 'default'),
  timeoutMs: 2_000,
  budget: { limits: { revoke: 500, assign: 500, unassign: 500 }, windowMs: 30_000, maxWaitMs: 500 },
} as CommunicationServicesSettings; // all that the code under test reads

/** One replica over a database that it shares, and an ACS of its own. */
class Replica {
  readonly mappings: RecordedMappings;
  readonly store: MassRevocationStore;
  readonly worker: MassRevocationWorker;
  readonly service: MassRevocationService;

  private constructor(readonly log: TestLog) {
    const { trail, clock, logger } = log;
    this.mappings = new RecordedMappings(log);
    this.store = new MassRevocationStore(
      ...([log.database, log.get(ReadingDatabase)] as const),
      new AssignmentRenewal(new PostgresAssignmentStore(log.database, log.get(ReadingDatabase))),
    );
    this.worker = this.#workerAt(clock);
    this.service = new MassRevocationService(this.store, trail, logger, settings);
  }

  /** A worker for which time passes so much faster. */
  workerFaster(times: number): MassRevocationWorker {
    return this.#workerAt(
      new (class extends SystemClock {
        override monotonicNow(): number {
          return super.monotonicNow() * times;
        }
        override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
          return super.sleep(ms / times, signal);
        }
      })(),
    );
  }

  /** A worker that runs so much later. */
  workerAfter(minutes: number): MassRevocationWorker {
    return this.#workerAt(
      new (class extends SystemClock {
        override now(): number {
          return super.now() + minutes * 60_000;
        }
      })(),
    );
  }

  #workerAt(clock: Clock): MassRevocationWorker {
    const { trail, logger } = this.log;
    return new MassRevocationWorker(
      ...([this.store, this.mappings.gateway, trail, clock, logger] as const),
      ...([new MassRevocationMetrics(new Registry()), settings] as const),
      new Sweeps(clock, logger),
    );
  }

  static async open(url: string): Promise<Replica> {
    return new Replica(await openTestLog(url));
  }

  get revoked(): number {
    return this.mappings.gateway.calls.filter(({ operation }) => operation === 'revoke').length;
  }

  async start(filter: RevocationFilter): Promise<string> {
    const { revocation } = await this.service.start({ filter, reason: 'a leak' }, operator);
    return revocation.id;
  }

  async sweep(): Promise<void> {
    await this.worker.sweep(new AbortController().signal);
  }

  async isFinished(id: string): Promise<boolean> {
    return (await this.service.show(id, 'any')).revocation.finishedAt !== undefined;
  }

  /** The next token of a person, as far as the mapping decides it. */
  async next({ tenant, subject, kind }: ProvisionedMapping): Promise<ProvisionedMapping> {
    const identity = { tenant, subject, kind };
    return (await this.mappings.services.mappings.findOrCreate({ identity, ...operator })).mapping;
  }
}

/** As the background work of a replica. */
async function renewAll({ recovery }: ReturnType<typeof wireTeamsPhone>): Promise<void> {
  await recovery.markRenewals();
  await recovery.sweep();
}

describe('a mass revocation', () => {
  let database: TestDatabase;
  let one: Replica;
  let other: Replica;
  const tenant = canonicalName('contoso');

  beforeAll(async () => {
    database = await testDatabase();
    one = await Replica.open(database.serviceUrl);
    other = await Replica.open(database.serviceUrl);
  });

  afterAll(async () => {
    await one.log.close();
    await other.log.close();
    await database.close();
  });

  beforeEach(() => {
    one.mappings.gateway.calls.length = 0;
  });

  it('refuses tokens in every replica from its start until ACS has revoked the old ones', async () => {
    const people = [await one.mappings.person(), await one.mappings.person()];
    const [person] = people;
    if (!person) throw new Error('no person');
    // In flight: ACS has issued its token, which is not recorded yet.
    const inFlight = await other.next(person);
    const id = await one.start({ tenant });
    await expect(other.mappings.issue(inFlight)).rejects.toThrow(MappingChanged);
    await expect(other.next(person)).rejects.toThrow(RevocationPending);
    expect(await one.service.show(id, tenant)).toMatchObject({
      revocation: { identities: 2, reason: 'a leak', finishedAt: undefined },
      remaining: { identities: 2, seconds: 1 },
    });
    await one.sweep();
    expect(await one.isFinished(id)).toBe(true);
    expect(one.revoked).toBe(2);
    for (const each of people) {
      const next = await other.next(each);
      expect(next.tokenGeneration).toBe(2);
      await other.mappings.issue(next);
    }
    // The token in flight is refused for good: ACS may have issued it before the revocation.
    await expect(other.mappings.issue(inFlight)).rejects.toThrow(MappingChanged);
    await one.sweep();
    expect(one.revoked).toBe(2);
  });

  it('leaves alone who is suspended, and who was revoked or came after its start', async () => {
    const [suspended, own] = [await one.mappings.person(), await one.mappings.person()];
    await one.mappings.update(suspended, { status: 'suspended' });
    const id = await one.start({ tenant });
    await one.mappings.revoke(own);
    const late = await one.mappings.person();
    await one.mappings.issue(await one.next(own));
    await one.mappings.issue(await one.next(late));
    one.mappings.gateway.calls.length = 0;
    await one.sweep();
    expect(await one.isFinished(id)).toBe(true);
    for (const { id: identity } of [suspended, own, late]) {
      const mapping = await one.mappings.map.get(identity);
      expect(mapping?.tokenGeneration).toBe(identity === late.id ? 1 : 2);
    }
    await one.mappings.update(suspended, { status: 'active' });
    await one.next(suspended);
  });

  it('refuses an identity that ACS created with a token before its start', async () => {
    const { map, gateway } = one.mappings;
    const subject = canonicalName(randomUUID());
    const lease = newLease(30_000, one.log.clock);
    const { mapping } = await map.claim({ tenant, subject, kind: 'user' }, 'default', lease);
    const { communicationUserId } = await gateway.createIdentity({ resource: 'default' });
    const id = await one.start({ tenant });
    const active = { ...mapping, status: 'active', communicationUserId, version: 2 } as const;
    const commit = one.log.trail.record(
      { action: 'identity.create', outcome: 'success', ...operator, target: auditTargetOf(active) },
      map.activate(active, lease),
    );
    await expect(commit).rejects.toThrow(LeaseLost);
    await map.release(mapping.id, lease);
    // The next claim is after the start, and so is its token.
    const again = newLease(30_000, one.log.clock);
    await map.claim({ tenant, subject, kind: 'user' }, 'default', again);
    await one.log.trail.record(
      { action: 'identity.create', outcome: 'success', ...operator, target: auditTargetOf(active) },
      map.activate(active, again),
    );
    await one.sweep();
    expect(await one.isFinished(id)).toBe(true);
    expect((await map.get(mapping.id))?.tokenGeneration).toBe(1);
  });

  it('revokes only whom its filter names', async () => {
    const clientApp = canonicalName(randomUUID());
    const [holder, bystander] = [await one.mappings.person(), await one.mappings.person()];
    const bot = await one.mappings.linked();
    for (const action of ['token.issue', 'token.reuse'] as const) {
      const actor = {
        kind: 'service',
        issuer: 'x',
        tenant,
        subject: clientApp,
        clientApp,
      } as const;
      await one.log.trail.record({
        ...{ action, outcome: 'success', target: auditTargetOf(holder) },
        actor: { ...actor, permissions: [], isGuest: false },
      });
    }
    expect((await one.service.forecast({ clientApp }, operator)).identities).toBe(1);
    const generation = async ({ id }: ProvisionedMapping): Promise<number | undefined> =>
      (await one.mappings.map.get(id))?.tokenGeneration;
    const generations = async (): Promise<unknown> =>
      Promise.all([holder, bystander, bot].map(generation));
    const run = async (filter: RevocationFilter): Promise<unknown> => {
      const id = await one.start(filter);
      await one.sweep();
      expect(await one.isFinished(id)).toBe(true);
      return generations();
    };
    expect(await run({ clientApp })).toEqual([2, 1, 1]);
    expect(await run({ kind: 'bot', tenant })).toEqual([2, 1, 2]);
    // The tokens of the other two are newer than their identities.
    expect(await run({ issuedBefore: bot.createdAt })).toEqual([2, 2, 2]);
    const targets = await one.log.database.query('SELECT 1 FROM revocation_target');
    expect(targets).toEqual([]);
  });

  it('revokes whom a replica created whose clock is ahead within the tolerance, and nobody who came later', async () => {
    const longAgo = new Date(Date.now() - 2 * MAX_CLOCK_TOLERANCE_MS);
    const earlier = await one.store.count({ issuedBefore: longAgo });
    const person = await one.mappings.person();
    expect(await one.store.count({ issuedBefore: longAgo })).toEqual(earlier);
    // By the clock of the database the person came before this time.
    const issuedBefore = new Date(person.createdAt.getTime() - MAX_CLOCK_TOLERANCE_MS);
    await one.start({ issuedBefore });
    expect((await one.mappings.map.get(person.id))?.awaitsRevocation).toBe(true);
    await one.sweep();
    expect((await one.mappings.map.get(person.id))?.tokenGeneration).toBe(2);
  });

  it('finds whom an application got tokens of in batches of the log, and the last of them', async () => {
    const [clientApp, bystander] = [canonicalName(randomUUID()), canonicalName(randomUUID())];
    const person = { kind: 'service', issuer: 'x', tenant, subject: clientApp } as const;
    const holders: ProvisionedMapping[] = [];
    let newest = -1;
    for (let nth = 0; nth < 5; nth += 1) {
      holders.push(await one.mappings.person());
      for (const app of [clientApp, clientApp, bystander]) {
        const actor = { ...person, clientApp: app, permissions: [], isGuest: false };
        const target = auditTargetOf(holders.at(-1) ?? expect.unreachable());
        const event = { action: 'token.issue', outcome: 'success', target, actor } as const;
        const { index } = await one.log.trail.record(event);
        if (app === clientApp) newest = index;
      }
    }
    for (const batchSize of [1, 3, 10, 20_000]) {
      const id = randomUUID();
      expect(await one.store.prepareTargets(id, clientApp, batchSize)).toBe(String(newest));
      const stored = await one.log.database.query<{ id: string }>(
        'SELECT mapping_id AS id FROM revocation_target WHERE revocation_id = $1 ORDER BY 1',
        [id],
      );
      expect(stored.map((row) => row.id)).toEqual(holders.map((holder) => holder.id).sort());
      expect(await one.store.concernsSomebody(id, { clientApp })).toBe(true);
      expect(await one.store.concernsSomebody(id, { clientApp, kind: 'bot' })).toBe(false);
      await one.store.dropTargets(id);
    }
  });

  it('reads the entries of an application once to start, and never without bounds', async () => {
    const clientApp = canonicalName(randomUUID());
    const target = auditTargetOf(await one.mappings.person());
    const person = { kind: 'service', issuer: 'x', tenant, subject: clientApp } as const;
    const actor = { ...person, clientApp, permissions: [], isGuest: false };
    await one.log.trail.record({ action: 'token.issue', outcome: 'success', target, actor });
    const queries = vi.spyOn(one.log.get(ReadingDatabase), 'query');
    await one.start({ clientApp });
    const reading = queries.mock.calls.filter(([sql]) => sql.includes(`action IN ('token.issue'`));
    vi.restoreAllMocks();
    await one.sweep();
    expect(reading).toHaveLength(1);
    expect(reading[0]?.[0]).toContain('entry_index > $3 AND entry_index <= $4');
  });

  it('stores the identities that are named outside the lock of the log, but for those that come meanwhile', async () => {
    const [known, later] = [await one.mappings.person(), await one.mappings.person()];
    const of = (...people: ProvisionedMapping[]) => ({
      ...{ tenant, subjects: people.map(({ subject }) => subject) },
    });
    let before = 0;
    const select = async (transaction: Transaction) => {
      const stored = await transaction.query<unknown[]>('SELECT FROM revocation_target');
      before = stored.length;
      return of(known, later);
    };
    const request = { filter: { tenant, invitation: randomUUID() }, reason: 'x' };
    const { remaining } = await one.service.start(request, operator, { known: of(known), select });
    expect([before, remaining.identities]).toEqual([1, 2]);
    await one.sweep();
  });

  it('refuses to start for nobody, and counts nobody of a resource that is unknown', async () => {
    const recorded = async (): Promise<unknown> => {
      const [newest] = await one.log.database.query<{ leaf: Buffer }>(
        'SELECT leaf FROM audit_entry ORDER BY entry_index DESC LIMIT 1',
      );
      return JSON.parse(String(newest?.leaf));
    };
    const denied = { outcome: 'denied', reason: { code: 'nobody-to-revoke' } };
    const filters = [
      ...[{ clientApp: canonicalName('typo') }, { tenant: canonicalName('fabrikam') }],
      ...[{ resource: 'elsewhere' }, { issuedBefore: new Date(0) }],
    ];
    for (const filter of filters) {
      await expect(one.start(filter)).rejects.toThrow(NobodyToRevoke);
      expect(await recorded()).toMatchObject({ action: 'revocation.start', ...denied });
    }
    const forecast = one.service.forecast.bind(one.service);
    expect(await forecast({ clientApp: canonicalName('typo') }, operator)).toMatchObject({
      ...{ identities: 0, assignments: 0, seconds: 0 },
    });
    await expect(forecast({ resource: 'elsewhere' }, operator)).rejects.toThrow(NobodyToRevoke);
    expect(await recorded()).toMatchObject({ action: 'identity.read', ...denied });
    // Stored, though no longer configured.
    expect((await forecast({ resource: 'default' }, operator)).identities).toBeGreaterThan(0);
  });

  it('waits for the budget, repeats what failed and asks ACS once for each identity', async () => {
    const people = [await one.mappings.person(), await one.mappings.person()];
    const { gateway } = one.mappings;
    gateway.failNext('revoke', new BudgetExhausted(1));
    gateway.failNext('revoke', new Error('the connection was reset'));
    const id = await one.start({ tenant, kind: 'user' });
    await one.sweep();
    expect(await one.isFinished(id)).toBe(true);
    for (const person of people) {
      const { communicationUserId } = person;
      expect(gateway.identities.get(communicationUserId)?.revocations).toBe(1);
    }
  });

  it('renews Teams Phone assignments, which revokes the tokens that were exchanged under them', async () => {
    const { database: primary, trail: audit, clock, logger } = one.log;
    const { gateway, resources } = one.mappings;
    const store = new PostgresAssignmentStore(primary, one.log.get(ReadingDatabase));
    const phone = wireTeamsPhone({ store, gateway, audit, resources, clock, logger });
    const [ours, theirs] = [newGuid(), newGuid()];
    const member = { objectId: newGuid(), principalType: 'user', clientIds: [] } as const;
    for (const each of [ours, theirs]) {
      await phone.assignments.put({ tenant: each, ...member }, operator);
    }
    gateway.calls.length = 0;
    const filter = { tenant: canonicalName(ours) };
    const nobody = [
      ...[
        { ...filter, kind: 'bot' },
        { ...filter, clientApp: canonicalName('not-a-guid') },
      ],
      { tenant: canonicalName('fabrikam') },
    ] as const;
    for (const each of nobody) {
      expect((await one.service.forecast(each, operator)).assignments).toBe(0);
    }
    expect(await one.service.forecast(filter, operator)).toMatchObject({ assignments: 1 });
    const id = await one.start(filter);
    expect(await one.service.show(id, 'any')).toMatchObject({
      revocation: { identities: 0, assignments: 1 },
      remaining: { identities: 0, assignments: 1, seconds: 1 },
    });
    const sweeping = one.sweep();
    await renewAll(phone);
    await sweeping;
    expect(await one.isFinished(id)).toBe(true);
    expect(gateway.calls.map(({ operation }) => operation)).toEqual(['unassign', 'assign']);
    expect(await store.find({ tenant: ours, ...member })).toMatchObject({ status: 'active' });
  });

  it('waits for the tokens of an application that was taken away from an assignment before', async () => {
    const { database: primary, trail: audit, clock, logger } = one.log;
    const { gateway, resources } = one.mappings;
    const store = new PostgresAssignmentStore(primary, one.log.get(ReadingDatabase));
    const phone = wireTeamsPhone({ store, gateway, audit, resources, clock, logger });
    const leaked = newGuid();
    const member = { tenant: newGuid(), objectId: newGuid(), principalType: 'user' } as const;
    await phone.assignments.put({ ...member, clientIds: [leaked] }, operator);
    gateway.failNext('unassign', new Error('the connection was reset'));
    await phone.assignments.put({ ...member, clientIds: [newGuid()] }, operator);
    gateway.calls.length = 0;
    const filter = { tenant: canonicalName(member.tenant), clientApp: canonicalName(leaked) };
    expect((await one.service.forecast(filter, operator)).assignments).toBe(1);
    const id = await one.start(filter);
    const sweeping = one.sweep();
    await renewAll(phone);
    await sweeping;
    expect(await one.isFinished(id)).toBe(true);
    expect(gateway.calls.map(({ operation }) => operation)).toEqual(['unassign', 'assign']);
    expect((await one.service.forecast(filter, operator)).assignments).toBe(0);
  });

  it('has one worker over all replicas, and another when that has died', async () => {
    const person = await one.mappings.person();
    const id = await one.start({ tenant });
    const dead = newLease(1_500, other.log.clock);
    expect((await other.store.claim(dead)).map((open) => open.id)).toEqual([id]);
    await one.sweep();
    expect(one.revoked).toBe(0);
    await expect
      .poll(async () => {
        await one.sweep();
        return one.isFinished(id);
      })
      .toBe(true);
    expect((await one.next(person)).tokenGeneration).toBe(2);
  });

  it('is left to another replica by one that reaches nobody at ACS, or can record nothing', async () => {
    const { signal } = new AbortController();
    const impediments = [
      () =>
        vi.spyOn(one.mappings.gateway, 'revokeTokens').mockRejectedValue(new UpstreamUnavailable()),
      () => vi.spyOn(one.log.trail, 'recordAll').mockRejectedValue(new AuditUnavailable()),
    ];
    for (const impede of impediments) {
      const person = await one.mappings.person();
      const id = await one.start({ tenant });
      const impeded = one.workerFaster(20);
      const impediment = impede();
      await impeded.sweep(signal);
      await impeded.sweep(signal); // leaves it alone for a while
      impediment.mockRestore();
      expect(await one.isFinished(id)).toBe(false);
      vi.spyOn(other.mappings.gateway, 'revokeTokens').mockResolvedValue({
        evidence: { secretVersion: 'memory', correlationVector: 'memory' },
      });
      await other.sweep();
      vi.restoreAllMocks();
      expect(await one.isFinished(id)).toBe(true);
      expect((await one.next(person)).tokenGeneration).toBe(2);
    }
  });

  /** An identity at an ACS resource that is not configured. */
  async function addAt(resource: string, ofTenant: CanonicalName): Promise<void> {
    const { map } = one.mappings;
    const lease = newLease(30_000, one.log.clock);
    const subject = canonicalName(randomUUID());
    const { mapping } = await map.claim(
      { tenant: ofTenant, subject, kind: 'user' },
      resource,
      lease,
    );
    const communicationUserId = one.mappings.foreignId();
    const active = { ...mapping, status: 'active', communicationUserId, version: 2 } as const;
    await one.log.trail.record(
      { action: 'identity.create', outcome: 'success', ...operator, target: auditTargetOf(active) },
      map.activate(active, lease),
    );
  }

  it('leaves an ACS resource that it does not reach to another replica, while it revokes at another one', async () => {
    const held = canonicalName('fabrikam');
    await addAt('silent', held);
    const lines = Array.from({ length: 64 }, () => ({
      ...{ subject: randomUUID(), kind: 'user' },
      communicationUserId: one.mappings.foreignId(),
    }));
    await one.mappings.import(lines);
    const ids = [await one.start({ tenant: held }), await one.start({ tenant })];
    const evidence = { secretVersion: 'memory', correlationVector: 'memory' };
    // Where it works, 16 are revoked in 12 s of the worker's time: all of them take 48 s.
    vi.spyOn(one.mappings.gateway, 'revokeTokens').mockImplementation(async ({ resource }) => {
      if (resource === 'silent') throw new UpstreamUnavailable();
      await one.log.clock.sleep(600);
      return { evidence };
    });
    await one.workerFaster(20).sweep(new AbortController().signal);
    const finished = async () => Promise.all(ids.map(async (id) => one.isFinished(id)));
    expect(await finished()).toEqual([false, false]);
    vi.spyOn(other.mappings.gateway, 'revokeTokens').mockResolvedValue({ evidence });
    await other.sweep();
    vi.restoreAllMocks();
    expect(await finished()).toEqual([true, true]);
  });

  it('ends at one ACS resource while another one does not answer, also when it begins later', async () => {
    const { gateway } = one.mappings;
    const held = canonicalName('fabrikam');
    await addAt('silent', held);
    const person = await one.mappings.person();
    const revokeTokens = gateway.revokeTokens.bind(gateway);
    const called = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<Acknowledged>();
    vi.spyOn(gateway, 'revokeTokens').mockImplementation(async (call, id) => {
      if (call.resource !== 'silent') return revokeTokens(call, id);
      called.resolve(undefined);
      return answer.promise;
    });
    const silent = await one.start({ tenant: held });
    const sweeping = one.sweep();
    await called.promise;
    const healthy = await one.start({ tenant });
    await expect.poll(async () => one.isFinished(healthy), { timeout: 20_000 }).toBe(true);
    expect((await one.next(person)).tokenGeneration).toBe(2);
    expect(await one.isFinished(silent)).toBe(false);
    answer.resolve({ evidence: { secretVersion: 'memory', correlationVector: 'memory' } });
    await sweeping;
    expect(await one.isFinished(silent)).toBe(true);
    vi.restoreAllMocks();
  });

  it('is not given up while only Teams Phone assignments are left, which others renew', async () => {
    const { database: primary, trail: audit, clock, logger } = one.log;
    const { gateway, resources } = one.mappings;
    const store = new PostgresAssignmentStore(primary, one.log.get(ReadingDatabase));
    const phone = wireTeamsPhone({ store, gateway, audit, resources, clock, logger });
    const member = { tenant: newGuid(), objectId: newGuid(), principalType: 'user' } as const;
    await phone.assignments.put({ ...member, clientIds: [] }, operator);
    const id = await one.start({ tenant: canonicalName(member.tenant) });
    logger.lines.length = 0;
    const looks = vi.spyOn(one.store, 'remaining');
    const stop = new AbortController();
    const sweeping = one.workerFaster(40).sweep(stop.signal);
    // One look takes two seconds, ten of which are without progress.
    await expect.poll(() => looks.mock.calls.length, { timeout: 20_000 }).toBeGreaterThan(15);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    await renewAll(phone);
    await sweeping;
    expect(await one.isFinished(id)).toBe(true);
    stop.abort();
    vi.restoreAllMocks();
  });

  it('continues within ten seconds, however long an answer has demanded to wait', async () => {
    await one.mappings.person();
    one.mappings.gateway.failNext('revoke', new UpstreamUnavailable({ retryAfterSeconds: 86_400 }));
    const { clock } = one.log;
    const sleep = clock.sleep.bind(clock);
    const pauses: number[] = [];
    vi.spyOn(clock, 'sleep').mockImplementation(async (ms, signal) => {
      pauses.push(ms);
      return sleep(Math.min(ms, 100), signal);
    });
    const id = await one.start({ tenant });
    await one.sweep();
    expect(await one.isFinished(id)).toBe(true);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10_000);
    vi.restoreAllMocks();
  });

  it('records what ACS has confirmed, also when it is to stop meanwhile', async () => {
    const person = await one.mappings.person();
    const { gateway } = one.mappings;
    const revokeTokens = gateway.revokeTokens.bind(gateway);
    const stop = new AbortController();
    vi.spyOn(gateway, 'revokeTokens').mockImplementation(async (call, id) => {
      if (id === person.communicationUserId) stop.abort();
      return revokeTokens(call, id);
    });
    const id = await one.start({ tenant });
    await one.worker.sweep(stop.signal);
    vi.restoreAllMocks();
    expect((await one.mappings.map.get(person.id))?.tokenGeneration).toBe(2);
    await one.sweep();
    expect(await one.isFinished(id)).toBe(true);
    expect(gateway.identities.get(person.communicationUserId)?.revocations).toBe(1);
  });

  it('keeps the mappings as the log says, with an entry at start and end and one for each identity', async () => {
    const { signers, settings: log, database: audited } = one.log;
    const verifiers = (await signers.current()).map(({ verifier }) => verifier);
    const trust = { origin: log.origin, verifiers, known: [] };
    const report = await new MappingCheck(audited).run(trust);
    expect(report).toMatchObject({ differences: [] });
    const read = async (transaction: Transaction) =>
      checkTable(transaction, new RevocationTable(), 100);
    expect(await audited.transaction(read)).toMatchObject({ differences: [] });
    const rows = await audited.query<{ action: string; entries: string }>(
      `SELECT action, count(*) AS entries FROM audit_entry WHERE action LIKE 'revocation.%' AND outcome = 'success' GROUP BY action`,
    );
    const jobs = (await one.service.list()).length;
    expect(rows.map(({ action, entries }) => [action, Number(entries)]).sort()).toEqual([
      ['revocation.end', jobs],
      ['revocation.start', jobs],
    ]);
  });

  it('ends when the last token has expired, and says what ACS has not confirmed', async () => {
    const person = await one.mappings.person();
    const { gateway } = one.mappings;
    const revoke = vi.spyOn(gateway, 'revokeTokens');
    revoke.mockRejectedValue(new ResourceNotConfigured('default'));
    const id = await one.start({ tenant, kind: 'user' });
    const left = (await one.service.show(id, 'any')).remaining.identities;
    const stop = new AbortController();
    const sweeping = one.workerAfter(24 * 60).sweep(stop.signal);
    await expect.poll(() => revoke.mock.calls.length).toBeGreaterThanOrEqual(left);
    stop.abort();
    await sweeping;
    expect(await one.isFinished(id)).toBe(false);
    await expect(one.next(person)).rejects.toThrow(RevocationPending);
    await one.workerAfter(24 * 60 + 16).sweep(new AbortController().signal);
    expect(await one.isFinished(id)).toBe(true);
    expect((await one.next(person)).tokenGeneration).toBe(1);
    const [end] = await one.log.database.query<{ leaf: Buffer }>(
      `SELECT leaf FROM audit_entry WHERE action = 'revocation.end' ORDER BY entry_index DESC LIMIT 1`,
    );
    expect(JSON.parse(String(end?.leaf))).toMatchObject({
      ...{ outcome: 'failure', reason: { code: 'tokens-expired' } },
      details: { revocation: id, unconfirmedIdentities: left, unconfirmedAssignments: 0 },
    });
    vi.restoreAllMocks();
  });

  it('is shown to its own tenant only', async () => {
    const filter = { tenant: canonicalName('fabrikam'), invitation: randomUUID() };
    const known = { tenant: filter.tenant, subjects: [] };
    const nobody = { known, select: async () => Promise.resolve(known) };
    const { revocation } = await one.service.start({ filter, reason: 'x' }, operator, nobody);
    const ours = revocation.id;
    const everybody = await one.start({});
    await expect(one.service.show(ours, tenant)).rejects.toThrow(RevocationNotFound);
    await expect(one.service.show(everybody, tenant)).rejects.toThrow(RevocationNotFound);
    await expect(one.service.show(randomUUID(), 'any')).rejects.toThrow(RevocationNotFound);
  });
});
