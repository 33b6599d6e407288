import { MemoryAuditTrail } from '#libs/audit/testing';
import { ManualClock } from '#libs/platform/testing';
import { describeIdentityMap } from './identity-map.contract.js';
import { MemoryIdentityMap } from './memory-identity-map.js';

describeIdentityMap('MemoryIdentityMap', async () => {
  const clock = new ManualClock();
  const trail = new MemoryAuditTrail();
  return Promise.resolve({
    map: new MemoryIdentityMap(clock),
    apply: async (change) => {
      await trail.record(
        { action: 'identity.update', outcome: 'success', actor: { kind: 'system', name: 'test' } },
        change,
      );
    },
    outlive: async (durationMs) => clock.advance(durationMs + 1),
  });
});
