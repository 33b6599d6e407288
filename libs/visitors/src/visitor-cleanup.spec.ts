import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { UpstreamUnavailable } from '#libs/communication-services';
import { MappingPending, type ProvisionedMapping } from '#libs/identity-mapping';
import { RecordedMappings } from '#libs/identity-mapping/testing';
import { canonicalName, Sweeps } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { InvitationRefused } from './errors.js';
import type { OpenedInvitation } from './invitation.js';
import { InvitationStore } from './store/invitation-store.js';
import { VisitorCleanup } from './visitor-cleanup.js';

const HOUR_MS = 3_600_000;
const operator = { actor: { kind: 'operator', name: 'spec' } } as const;
const event = { ...operator, action: 'invitation.create', outcome: 'success' } as const;

describe('the uses of an invitation and the identities of its visitors', () => {
  let database: TestDatabase;
  let log: TestLog;
  let mappings: RecordedMappings;
  let store: InvitationStore;
  let cleanup: VisitorCleanup;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    mappings = new RecordedMappings(log);
    store = new InvitationStore(log.database);
    cleanup = new VisitorCleanup(
      ...([store, mappings.map, mappings.services.administration, log.logger] as const),
      new Sweeps(log.clock, log.logger),
    );
  });

  afterAll(async () => {
    await log.close();
    await database.close();
  });

  async function invite(maxUses: number): Promise<OpenedInvitation> {
    const [id, text] = [randomUUID(), randomUUID()];
    const hash = Buffer.alloc(32, text);
    const expiresAt = new Date(Date.now() + HOUR_MS);
    const terms = { meeting: 'review', scopes: ['voip.join'], maxUses, expiresAt };
    const signed = { id, hash, text, keyVersion: '1' };
    await log.trail.record(event, store.add({ id, tenant: mappings.tenant, ...terms }, signed));
    return { id, hash };
  }

  /** Takes a use. @returns the visitor */
  async function take(opened: OpenedInvitation, leaseMs = 60_000): Promise<string> {
    const id = randomUUID();
    await store.take(opened, { id, leaseMs });
    return id;
  }

  /** Creates the identity of a visitor, as the issuance of its token does. */
  async function arrive(visitor: string): Promise<ProvisionedMapping> {
    const identity = {
      tenant: mappings.tenant,
      subject: canonicalName(visitor),
      kind: 'visitor',
    } as const;
    const request = { identity, ...operator };
    return (await mappings.services.mappings.ensureActive(request)).mapping;
  }

  async function admit(visitor: string, deleteAt: Date): Promise<void> {
    await log.trail.record({ ...event, action: 'token.issue' }, store.admit(visitor, deleteAt));
  }

  const isAtAcs = ({ communicationUserId }: ProvisionedMapping): boolean =>
    mappings.gateway.identities.has(communicationUserId);
  const soon = (): Date => new Date(Date.now() + HOUR_MS);

  it('are never exceeded by takers that race', async () => {
    const opened = await invite(3);
    const results = await Promise.allSettled(Array.from({ length: 12 }, async () => take(opened)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    await expect(take(opened)).rejects.toMatchObject({ reason: 'used-up' });
    await expect(take({ ...opened, hash: Buffer.alloc(32) })).rejects.toMatchObject({
      reason: 'unknown',
    });
  });

  it('come back from a failed request at once, and from one that died when its lease ends', async () => {
    const opened = await invite(1);
    await store.release(await take(opened));
    const died = await take(opened, 0);
    const left = await arrive(died);
    await cleanup.sweep();
    expect(isAtAcs(left)).toBe(false);
    const next = await take(opened);
    // The one that died was only slow: its token is not released.
    await expect(admit(died, soon())).rejects.toThrow(MappingPending);
    await admit(next, soon());
    await store.release(next);
    await expect(take(opened)).rejects.toThrow(InvitationRefused);
  });

  it('are deleted at ACS when they are due, not before, and nobody else is', async () => {
    const opened = await invite(3);
    const [due, later] = [await take(opened), await take(opened)];
    const [gone, stays, alice] = [await arrive(due), await arrive(later), await mappings.person()];
    await admit(due, new Date(Date.now() - 1_000));
    await admit(later, soon());
    mappings.gateway.calls.length = 0;
    await cleanup.sweep();
    expect([gone, stays, alice].map(isAtAcs)).toEqual([false, true, true]);
    expect(mappings.gateway.calls).toMatchObject([
      { operation: 'delete', call: { priority: 'bulk' } },
    ]);
  });

  it('are deleted by the recovery worker when ACS does not confirm', async () => {
    const visitor = await take(await invite(1));
    const mapping = await arrive(visitor);
    await admit(visitor, new Date(Date.now() - 1_000));
    mappings.gateway.failNext('delete', new UpstreamUnavailable());
    await cleanup.sweep();
    expect(await mappings.map.get(mapping.id)).toMatchObject({ status: 'deleting' });
  });

  it('are due at the end of the invitation, also of a request that is under way', async () => {
    const opened = await invite(2);
    const [admitted, underWay] = [await take(opened), await take(opened)];
    const [gone, left] = [await arrive(admitted), await arrive(underWay)];
    await admit(admitted, soon());
    await log.trail.record(
      { ...event, action: 'invitation.end' },
      store.end(opened.id, mappings.tenant),
    );
    await expect(admit(underWay, soon())).rejects.toThrow(MappingPending);
    await store.release(underWay);
    await cleanup.sweep();
    expect([gone, left].map(isAtAcs)).toEqual([false, false]);
    await expect(take(opened)).rejects.toMatchObject({ reason: 'ended' });
  });

  it('of a process that was suspended after its lease are found as well', async () => {
    const visitor = await take(await invite(1), 0);
    await cleanup.sweep(); // finds no identity yet
    const late = await arrive(visitor);
    expect(isAtAcs(late)).toBe(true);
    await store.postpone(visitor, 0); // it is looked at again, an hour after it was taken
    await cleanup.sweep();
    expect(isAtAcs(late)).toBe(false);
  });
});
