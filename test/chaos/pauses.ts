import { pauseReplicas } from '../support/pause-replicas.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';

/** Longer than every deadline, lease and window by default. */
const PAUSED_MS = 60_000;
const REPLICAS = 2;
const MAX_STOP_AFTER_MS = 1_500;

const { count, prng } = startCampaign({
  name: 'pauses',
  description: `Stops two replicas with SIGSTOP for 60 seconds in the middle of a burst of first and returning calls, at
random moments, while a third one works: at ACS's real size, with default settings. Checks that ACS
refuses no call with 429 and has no identity that nobody knows, that every token in the log was received
or is recorded as withheld, and that the log verifies.`,
  count: { of: 'pauses', byDefault: 1 },
});

const cluster = await startTestCluster(true);
const service = await Service.start({
  cluster,
  emulator: { acs: { countRefused: true, signingKeyBits: 1024 } },
  environment: {
    LOG_LEVEL: 'info',
    // The defaults, which `Service` extends.
    ACS_TIMEOUT_MS: undefined,
    AUDIT_TIMEOUT_MS: undefined,
    DATABASE_TIMEOUT_MS: undefined,
    KEY_VAULT_TIMEOUT_MS: undefined,
  },
});
const failures: string[] = [];
try {
  await service.emulator.control.changeAcs({ latencyMs: 200 });
  const [active] = service.apis;
  if (!active) throw new Error('no replica');
  for (let pause = 1; pause <= count; pause += 1) {
    const found = await pauseReplicas(service, active, {
      stopAfterMs: Array.from({ length: REPLICAS }, () => prng.below(MAX_STOP_AFTER_MS)),
      pausedMs: PAUSED_MS,
      firstCalls: 200,
      returning: 50,
      meanwhile: 40,
    });
    failures.push(...found.map((failure) => `pause ${pause}: ${failure}`));
  }
  const keys = await fetchLogKeys(service, active);
  failures.push(...(await checkLog(service, { receipts: [], checkpoints: [], keys })));
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
}
process.exit(finishCampaign(count, failures));
