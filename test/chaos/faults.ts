// Fault campaign: callers of every kind use two replicas while Entra ID, Key Vault and ACS misbehave at
// random, PostgreSQL stalls, keys are rotated and replicas start in the middle of it. Every answer is one
// that fits the caller, or "not now" with its own type and Retry-After; none takes longer than the
// deadlines; every token has its entry; and when the trouble ends, all is well again.
//
//   node dist/test/chaos/faults.js --count 300 --seed 1
import { setTimeout as delay } from 'node:timers/promises';
import { inspect, parseArgs } from 'node:util';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { startTestCluster } from '../support/test-cluster.js';
import { Service } from '../support/service.js';
import { sendRequest, isDocumented, isRetryLater } from './support/request.js';
import { Prng } from '../support/prng.js';
import { type Call, MixedTraffic } from './support/mixed-traffic.js';
import { checkLog, fetchLogKeys, untilSettled } from './support/log-checker.js';
import { fingerprintSecrets } from './support/receipts.js';
import { startReplica, reportUnexpectedExit } from './support/replica.js';
import { RandomFaults } from './support/random-faults.js';
import { until } from '../support/until.js';

const CLIENTS = 10;
/** All the deadlines below in a row, and a busy machine. */
const PATIENCE_MS = 15_000;
/** Every so many rounds a replica that has not read anything yet takes the place of an old one. */
const ROUNDS_OF_A_REPLICA = 25;

const { values } = parseArgs({
  options: { count: { type: 'string', default: '300' }, seed: { type: 'string' } },
});
const count = Number(values.count);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const random = new Prng(seed);
console.log(`faults: ${count} rounds of trouble, seed ${seed}`);

const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  replicas: 2,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 }, secrets: fingerprintSecrets },
  environment: {
    LOG_LEVEL: 'info', // starting is told by a line of the log
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
    MAPPING_LEASE_MS: '3000',
    MAPPING_WAIT_MS: '2000',
  },
});
const broken: string[] = [];
const answersBy = new Map<string, number>();
const serving = new Set<ApiProcess>();
/** Requests that a replica has not answered yet. */
const underWay = new Map<ApiProcess, number>();
let exitCode = 1;
try {
  const calls = new MixedTraffic(service, random);
  const troubles = new RandomFaults(service, cluster, random);
  await calls.signIn();
  for (const api of service.apis) {
    reportUnexpectedExit(service, api, broken);
    serving.add(api);
  }
  const startedAt = performance.now();

  let isRunning = true;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (isRunning) {
      await send(calls.next());
      await delay(random.below(10));
    }
  });
  let replacement: Promise<void> = Promise.resolve();
  for (let round = 1; round <= count; round += 1) {
    await troubles.begin();
    if (round % ROUNDS_OF_A_REPLICA === 0) {
      await replacement;
      replacement = replaceReplica();
      replacement.catch((error: unknown) =>
        broken.push(`a replica did not start: ${String(error)}`),
      );
      await troubles.rotate(round);
      await calls.signIn();
    }
    await delay(50 + random.below(350));
    if (round % 50 === 0) {
      const seconds = Math.round((performance.now() - startedAt) / 1_000);
      console.log(`${round} rounds, ${sum(answersBy.values())} answers, ${seconds} s`);
    }
  }
  await troubles.end();
  await replacement.catch(() => undefined);
  for (const { url } of serving) await until('all is ready', 60_000, isReady(url));
  isRunning = false;
  await Promise.all(clients);
  for (let person = 0; person < calls.people; person += 1) {
    await until(
      'everybody is served',
      60_000,
      async () => (await send(calls.ownToken(person))) === 200,
    );
  }
  await untilSettled(service);

  const [first] = [...serving];
  if (!first) throw new Error('no replica runs');
  const { receipts, checkpoints } = calls;
  const keys = await fetchLogKeys(service, first);
  const failures = [
    ...broken,
    ...calls.broken,
    ...(await checkLog(service, { receipts, checkpoints, keys })),
  ];
  const told = [...answersBy].sort().map(([answer, times]) => `${answer}: ${times}`);
  console.log(`${told.join(', ')}\n${troubles.summary()}`);
  for (const failure of failures.slice(0, 20)) {
    console.error(`FAILED ${failure}`);
    const requestId = /"requestId":"([^"]+)"/.exec(failure)?.[1];
    const isAbout = (line: string): boolean => requestId !== undefined && line.includes(requestId);
    for (const line of service.logLines.filter(isAbout)) console.error(`  ${line.slice(0, 2_000)}`);
  }
  console.log(`${sum(answersBy.values())} passed, ${failures.length} failed`);
  exitCode = failures.length === 0 ? 0 : 1;
} finally {
  await service.stop();
  await cluster.remove();
}
process.exit(exitCode);

/** Sends a call to a replica and judges the answer. @returns its status; 0 when there was none */
async function send(call: Call): Promise<number> {
  const api = random.pick([...serving]);
  underWay.set(api, (underWay.get(api) ?? 0) + 1);
  const what = `${call.method} ${call.path}`;
  const startedAt = performance.now();
  try {
    const answer = await sendRequest(api.url, call);
    const { status, problem, text } = answer;
    const name = problem ?? String(status);
    answersBy.set(name, (answersBy.get(name) ?? 0) + 1);
    const isFitting = call.expected.includes(status) && (status < 300 || isDocumented(problem));
    if (!isFitting && (call.needsNoUpstream === true || !isRetryLater(answer))) {
      broken.push(`${what}: ${status} ${text.slice(0, 300)}`);
    }
    if (status < 300) call.onSuccess?.(text);
    return status;
  } catch (error) {
    if (call.mayEndEarly !== true) broken.push(`${what} got no answer: ${causeOf(error)}`);
    return 0;
  } finally {
    const tookMs = performance.now() - startedAt;
    if (tookMs > PATIENCE_MS) broken.push(`${what} took ${Math.round(tookMs)} ms`);
    underWay.set(api, (underWay.get(api) ?? 0) - 1);
  }
}

/** A new process, which knows nothing yet, takes the place of the oldest. */
async function replaceReplica(): Promise<void> {
  const [oldest] = serving;
  serving.add(await startReplica(service, broken));
  if (!oldest) return;
  serving.delete(oldest);
  const isIdle = (): boolean => (underWay.get(oldest) ?? 0) === 0;
  await until('the old replica has answered', 2 * PATIENCE_MS, isIdle);
  await oldest.stop();
}

function isReady(url: string): () => Promise<boolean> {
  return async () =>
    (await sendRequest(url, { method: 'GET', path: '/health/ready' })).status === 200;
}

function causeOf(error: unknown): string {
  return inspect(error, { depth: 2 }).slice(0, 300);
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0);
}
