import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { startTestCluster } from '../support/test-cluster.js';
import { Service } from '../support/service.js';
import { checkIdentities } from './support/identity-checker.js';
import { IdentityTraffic } from './support/identity-traffic.js';
import { Prng } from '../support/prng.js';
import { checkLog, fetchLogKeys, untilSettled } from './support/log-checker.js';

/**
 * Kills the api with SIGKILL in the middle of creating, deleting, suspending and importing, while ACS
 * loses answers at random, then holds mappings, ACS and the audit log against each other.
 *
 *     node dist/test/chaos/identity-crash.js --count 200 --seed 1
 */
const { values } = parseArgs({
  options: { count: { type: 'string', default: '200' }, seed: { type: 'string' } },
});
const count = Number(values.count);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`identity-crash: ${count} kills, seed ${seed}`);

const random = new Prng(seed);
const dice = (): number => random.next();
/** Longer than a lease: what a frozen process does afterwards comes too late. */
const FREEZE_MS = 3_500;
/** Compiled modules, so that the many processes start faster. */
const cache = await mkdtemp(join(tmpdir(), 'acs-identity-cache-'));
const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
  environment: {
    NODE_COMPILE_CACHE: cache,
    LOG_LEVEL: 'info', // starting is told by a line of the log
    MAPPING_SWEEP_SECONDS: '1',
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
  const traffic = new IdentityTraffic(await service.token('ada'), dice);
  const startedAt = Date.now();
  // One that ends by itself leaves its compiled modules behind.
  await service.apis[0]?.stop();
  let current = await service.addApi();
  for (let kill = 1; kill <= count; kill += 1) {
    // The successor comes up while its predecessor works: two replicas for a moment.
    const successor = service.addApi();
    successor.catch(() => undefined);
    await burst(current, traffic, dice() < 0.1 ? successor : undefined);
    current = await successor;
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
  for (const failure of failures) console.error(`FAILED ${failure}`);
  console.log(`${count + traffic.answered} passed, ${failures.length} failed`);
  exitCode = failures.length === 0 ? 0 : 1;
} finally {
  await service.stop();
  await cluster.remove();
  await rm(cache, { recursive: true, force: true });
}
process.exit(exitCode);

/**
 * Keeps the process busy and kills it at a random moment.
 *
 * @param successor given: the process is frozen first, until the successor has taken its work over
 */
async function burst(
  api: ApiProcess,
  traffic: IdentityTraffic,
  successor?: Promise<ApiProcess>,
): Promise<void> {
  await traffic.warmUp(api.url);
  let isAlive = true;
  const workers = Array.from({ length: 8 }, async () => {
    while (isAlive) await traffic.send(api.url);
  });
  await delay(50 + dice() * 700);
  if (successor) {
    api.process.kill('SIGSTOP');
    await successor;
    await delay(FREEZE_MS);
    api.process.kill('SIGCONT');
    await delay(1_000);
  }
  isAlive = false;
  api.process.kill('SIGKILL');
  await Promise.all(workers);
  await api.ended;
}
