import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { untilSettled } from '../support/until-settled.js';
import { until } from '../support/until.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';
import { type CheckedRequest, MixedTraffic } from './support/mixed-traffic.js';
import { RandomFaults } from './support/random-faults.js';
import { fingerprintSecrets } from './support/receipts.js';
import { reportUnexpectedExit, startReplica } from './support/replica.js';
import { isDocumented, isRetryLater, sendRequest } from './support/request.js';

const CLIENTS = 10;
/** The sum of the deadlines below, and the time that a busy machine adds. */
const MAX_RESPONSE_MS = 15_000;
/** Every 25 rounds keys are rotated, and a new replica replaces the oldest. */
const ROUNDS_PER_REPLICA = 25;
const ROUNDS_PER_PROGRESS = 50;

const { count, prng } = startCampaign({
  name: 'faults',
  description: `Sends requests of every kind to two replicas while Entra ID, Key Vault and ACS fail at random,
PostgreSQL stalls, keys are rotated and replicas are replaced. Checks that every response is the right one
for the caller, or 429 or 503 with a documented problem and Retry-After; that none exceeds the deadlines;
that every token has its audit entry; and that all requests succeed once the faults have ended.`,
  count: { of: 'rounds of faults', byDefault: 300 },
});

const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  replicas: 2,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 }, secrets: fingerprintSecrets },
  environment: {
    LOG_LEVEL: 'info', // the start of a process is recognised by a line of this level
    ACS_TIMEOUT_MS: '1000',
    AUDIT_TIMEOUT_MS: '2000',
    DATABASE_TIMEOUT_MS: '1500',
    KEY_VAULT_TIMEOUT_MS: '1000',
    KEY_VAULT_REFRESH_MINUTES: '1',
    KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1',
    AUTHENTICATION_METADATA_TIMEOUT_MS: '1000',
    AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
    MAPPING_SWEEP_SECONDS: '1',
    ACS_BUDGET_MAX_WAIT_MS: '1000',
    MAPPING_LEASE_MS: '3000',
    MAPPING_WAIT_MS: '2000',
  },
});
const failures: string[] = [];
/** Number of responses by problem, or by status. */
const responses = new Map<string, number>();
const replicas = new Set<ApiProcess>();
/** Number of requests that each replica has not answered yet. */
const pending = new Map<ApiProcess, number>();
const startedAt = performance.now();
let exitCode = 1;
try {
  const traffic = new MixedTraffic(service, prng);
  const faults = new RandomFaults(service, cluster, prng);
  await traffic.signIn();
  for (const api of service.apis) {
    reportUnexpectedExit(service, api, failures);
    replicas.add(api);
  }

  let isRunning = true;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (isRunning) {
      await send(traffic.next());
      await delay(prng.below(10));
    }
  });
  await makeFaults(faults, traffic);
  for (const { url } of replicas) await until(`${url} is ready`, 60_000, isReady(url));
  isRunning = false;
  await Promise.all(clients);
  for (let person = 0; person < traffic.people; person += 1) {
    const isServed = async (): Promise<boolean> =>
      (await send(traffic.tokenRequest(person))) === 200;
    await until(`person ${person} gets a token`, 60_000, isServed);
  }
  await untilSettled(service);

  const [first] = [...replicas];
  if (!first) throw new Error('no replica is running');
  const { receipts, checkpoints } = traffic;
  const keys = await fetchLogKeys(service, first);
  failures.push(...traffic.failures, ...(await checkLog(service, { receipts, checkpoints, keys })));
  const counts = [...responses].sort().map(([what, times]) => `${what}: ${times}`);
  console.log(`${counts.join(', ')}\n${faults.summary()}`);
  exitCode = finishCampaign(total(), failures);
  printLogOf(failures);
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
}
process.exit(exitCode);

/** Makes `count` rounds of faults, and ends them. */
async function makeFaults(faults: RandomFaults, traffic: MixedTraffic): Promise<void> {
  let replacement: Promise<void> = Promise.resolve();
  for (let round = 1; round <= count; round += 1) {
    await faults.next();
    if (round % ROUNDS_PER_REPLICA === 0) {
      await replacement;
      replacement = replaceReplica().catch((error: unknown) => {
        failures.push(`a replica did not start: ${String(error)}`);
      });
      await faults.rotateKeys(round);
      await traffic.signIn();
    }
    await delay(50 + prng.below(350));
    if (round % ROUNDS_PER_PROGRESS === 0) {
      const seconds = Math.round((performance.now() - startedAt) / 1_000);
      console.log(`${round} rounds, ${total()} responses, ${seconds} s`);
    }
  }
  await faults.end();
  await replacement;
}

/** Sends a request to a random replica and checks the response. @returns its status; 0 without a response */
async function send(request: CheckedRequest): Promise<number> {
  const api = prng.pick([...replicas]);
  pending.set(api, (pending.get(api) ?? 0) + 1);
  const what = `${request.method} ${request.path}`;
  const sentAt = performance.now();
  try {
    const response = await sendRequest(api.url, request);
    const { status, problem, text } = response;
    const name = problem ?? String(status);
    responses.set(name, (responses.get(name) ?? 0) + 1);
    const isExpected = request.expected.includes(status) && (status < 300 || isDocumented(problem));
    const isExcused = request.needsNoUpstream !== true && isRetryLater(response);
    if (!isExpected && !isExcused) failures.push(`${what}: ${status} ${text.slice(0, 300)}`);
    if (status < 300) request.onSuccess?.(text);
    return status;
  } catch (error) {
    const cause = inspect(error, { depth: 2 }).slice(0, 300);
    if (request.mayEndEarly !== true) failures.push(`${what}: no response: ${cause}`);
    return 0;
  } finally {
    const tookMs = performance.now() - sentAt;
    if (tookMs > MAX_RESPONSE_MS) failures.push(`${what} took ${Math.round(tookMs)} ms`);
    pending.set(api, (pending.get(api) ?? 0) - 1);
  }
}

/** Starts a replica, which has read no keys and secrets yet, and stops the oldest. */
async function replaceReplica(): Promise<void> {
  const [oldest] = replicas;
  replicas.add(await startReplica(service, failures));
  if (!oldest) return;
  replicas.delete(oldest);
  const isIdle = (): boolean => (pending.get(oldest) ?? 0) === 0;
  await until('the old replica has answered all requests', 2 * MAX_RESPONSE_MS, isIdle);
  await oldest.stop();
}

function isReady(url: string): () => Promise<boolean> {
  return async () =>
    (await sendRequest(url, { method: 'GET', path: '/health/ready' })).status === 200;
}

/** Prints the log lines of failed requests. */
function printLogOf(failed: readonly string[]): void {
  for (const failure of failed) {
    const requestId = /"requestId":"([^"]+)"/.exec(failure)?.[1];
    if (requestId === undefined) continue;
    const lines = service.logLines.filter((line) => line.includes(requestId));
    for (const line of lines) console.error(`  ${line.slice(0, 2_000)}`);
  }
}

/** Number of responses. */
function total(): number {
  return [...responses.values()].reduce((sum, times) => sum + times, 0);
}
