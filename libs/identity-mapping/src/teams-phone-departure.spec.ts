import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryAuditTrail } from '#libs/audit/testing';
import { CommunicationResources, UpstreamUnavailable } from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { ManualClock, MemoryLogger, newGuid } from '#libs/platform/testing';
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
});
