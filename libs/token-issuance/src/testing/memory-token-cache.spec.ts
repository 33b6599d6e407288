import { randomUUID } from 'node:crypto';
import { ManualClock } from '#libs/platform/testing';
import { MemoryTokenCache } from './memory-token-cache.js';
import { describeTokenCache } from './token-cache.contract.js';

describeTokenCache('MemoryTokenCache', async () => {
  const clock = new ManualClock();
  return Promise.resolve({
    cache: new MemoryTokenCache(clock),
    now: () => clock.now(),
    passed: async (minutes) => clock.advance(minutes * 60_000),
    newKey: async () =>
      Promise.resolve({
        mappingId: randomUUID(),
        tokenGeneration: 1,
        policyVersion: 'policy',
        variant: 'variant',
      }),
  });
});
