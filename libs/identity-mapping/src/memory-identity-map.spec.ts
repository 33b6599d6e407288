import { ManualClock, type Transaction } from '#libs/platform';
import { identityMapContract } from './identity-map.contract.js';
import { MemoryIdentityMap } from './memory-identity-map.js';

identityMapContract('MemoryIdentityMap', async () => {
  const clock = new ManualClock();
  return Promise.resolve({
    map: new MemoryIdentityMap(clock),
    apply: async (change) => change({} as Transaction), // its changes run no statements
    outlive: async (durationMs) => clock.advance(durationMs + 1),
  });
});
