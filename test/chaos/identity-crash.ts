import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { untilSettled } from '../support/until-settled.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkIdentities } from './support/identity-checker.js';
import { IdentityTraffic } from './support/identity-traffic.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';

const CLIENTS = 8;
/** Longer than a lease, so that another process has taken over the work of a stopped one. */
const STOPPED_MS = 3_500;
/** Part of the processes that are stopped before they are killed. */
const STOP_RATE = 0.1;

const { count, seed, prng } = startCampaign({
  name: 'identity-crash',
  description: `Kills the api with SIGKILL while it creates, deletes, suspends and imports identities and ACS loses
responses at random. Checks that mappings, ACS, the audit log and the responses to clients agree.`,
  count: { of: 'kills', byDefault: 90 },
});

/** Compiled modules: the many processes start faster. */
const cache = await mkdtemp(join(tmpdir(), 'acs-identity-cache-'));
const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
  environment: {
    NODE_COMPILE_CACHE: cache,
    LOG_LEVEL: 'info', // the start of a process is recognised by a line of this level
    MAPPING_SWEEP_SECONDS: '1',
    ACS_BUDGET_MAX_WAIT_MS: '500',
    MAPPING_LEASE_MS: '2000',
    MAPPING_WAIT_MS: '3000',
    ACS_TIMEOUT_MS: '800',
    ACS_BUDGET_CREATE: '100000',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
    ACS_BUDGET_REVOKE: '100000',
    ACS_BUDGET_DELETE: '100000',
  },
});
let exitCode = 1;
try {
  const faults = [
    { operation: 'create', kind: 'reply-lost', probability: 0.06 },
    { operation: 'delete', kind: 'reply-lost', probability: 0.1 },
    { operation: 'revoke', kind: 'reply-lost', probability: 0.1 },
    { operation: 'create', kind: 'latency', latencyMs: 150, probability: 0.3 },
    { operation: 'delete', kind: 'status', probability: 0.05 },
  ] as const;
  for (const [nth, fault] of faults.entries()) {
    await service.emulator.control.addFault({ service: 'acs', ...fault, seed: seed + nth });
  }
  const traffic = new IdentityTraffic(await service.token('ada'), prng);
  const startedAt = Date.now();
  // A process that is not killed writes its compiled modules to the cache.
  await service.apis[0]?.stop();
  let current = await service.addApi();
  for (let kill = 1; kill <= count; kill += 1) {
    // The next process starts while the current one works.
    const next = service.addApi();
    next.catch(() => undefined);
    await useAndKill(current, traffic, prng.next() < STOP_RATE ? next : undefined);
    current = await next;
    if (kill % 20 === 0) {
      const seconds = Math.round((Date.now() - startedAt) / 1_000);
      console.log(`${kill} kills, ${traffic.answered} requests answered, ${seconds} s`);
    }
  }
  await service.emulator.control.removeFaults();
  await untilSettled(service);
  const keys = await fetchLogKeys(service, current);
  const failures = [
    ...(await checkIdentities(service, traffic)),
    ...(await checkLog(service, { receipts: [], checkpoints: [], keys })),
  ];
  exitCode = finishCampaign(count + traffic.answered, failures);
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
  await rm(cache, { recursive: true, force: true });
}
process.exit(exitCode);

/**
 * Sends requests to the process and kills it at a random moment.
 *
 * @param next when given, the process is stopped until the next one has taken over its work
 */
async function useAndKill(
  api: ApiProcess,
  traffic: IdentityTraffic,
  next?: Promise<ApiProcess>,
): Promise<void> {
  await traffic.warmUp(api.url);
  let isAlive = true;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (isAlive) await traffic.send(api.url);
  });
  await delay(50 + prng.next() * 700);
  if (next) {
    api.process.kill('SIGSTOP');
    await next;
    await delay(STOPPED_MS);
    api.process.kill('SIGCONT');
    await delay(1_000);
  }
  isAlive = false;
  api.process.kill('SIGKILL');
  await Promise.all(clients);
  await api.ended;
}
