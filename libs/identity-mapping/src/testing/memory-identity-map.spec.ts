import { MemoryAuditTrail } from '#libs/audit/testing';
import { ManualClock } from '#libs/platform/testing';
import { describeIdentityMap } from './identity-map.contract.js';
import { MemoryIdentityMap } from './memory-identity-map.js';

describeIdentityMap('MemoryIdentityMap', async () => {
  const clock = new ManualClock();
  const trail = new MemoryAuditTrail();
  const map = new MemoryIdentityMap(clock);
  return Promise.resolve({
    map,
    otherMap: map,
    addAdditional: async (mapping) => {
      map.addAdditional(mapping);
      return Promise.resolve();
    },
    apply: async (change) => {
      await trail.record(
        { action: 'identity.update', outcome: 'success', actor: { kind: 'system', name: 'test' } },
        change,
      );
    },
    outlive: async (durationMs) => clock.advance(durationMs + 1),
  });
});
