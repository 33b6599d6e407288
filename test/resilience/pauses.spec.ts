import { describe, expect, it } from 'vitest';
import { pauseReplicas } from '../support/pause-replicas.js';
import { runningService } from '../support/running-service.js';

const LIMIT = 60;
/** Shorter than by default, so that a pause of 9 s is longer than all of them. */
const service = runningService({
  environment: {
    LOG_LEVEL: 'info',
    ACS_BUDGET_CREATE_WITH_TOKEN: String(LIMIT),
    ACS_BUDGET_ISSUE: String(LIMIT),
    ACS_BUDGET_WINDOW_MS: '4000',
    ACS_BUDGET_MAX_WAIT_MS: '2000',
    ACS_CONNECTIONS: '8',
    ACS_TIMEOUT_MS: '1500',
    MAPPING_LEASE_MS: '8000',
    MAPPING_SWEEP_SECONDS: '1',
  },
  emulator: {
    acs: {
      limits: { createWithToken: LIMIT, issue: LIMIT },
      windowSeconds: 4,
      countRefused: true,
      latencyMs: 300,
    },
  },
});

// test/chaos/pauses.ts does the same at ACS's real size and with default settings.
describe('replicas that are stopped with SIGSTOP for longer than every deadline and lease', () => {
  it(
    'send nothing without a permit or a lease when they continue, and lose nothing that ACS did',
    { timeout: 180_000 },
    async () => {
      const [active] = service().apis;
      if (!active) throw new Error('no replica');
      const failures = await pauseReplicas(service(), active, {
        stopAfterMs: [50, 400],
        pausedMs: 9_000,
        firstCalls: 40,
        returning: 10,
        meanwhile: 15,
      });
      expect(failures).toEqual([]);
    },
  );
});
