import { ManualClock } from '#libs/platform/testing';
import { MemoryTokenQuota } from './memory-token-quota.js';
import { describeTokenQuota } from './token-quota.contract.js';

describeTokenQuota('MemoryTokenQuota', async () => {
  const clock = new ManualClock();
  return Promise.resolve({
    quota: new MemoryTokenQuota(clock),
    passed: async (minutes) => clock.advance(minutes * 60_000),
  });
});
