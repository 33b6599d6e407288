import { randomUUID } from 'node:crypto';
import { communicationUserIdOf, ManualClock } from '#libs/platform/testing';
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
        resource: 'default',
        communicationUserId: communicationUserIdOf(`8:acs:${randomUUID()}_${randomUUID()}`),
        tokenGeneration: 1,
        policyVersion: 'policy',
        variant: 'variant',
      }),
  });
});
