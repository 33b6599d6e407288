import { setTimeout as delay } from 'node:timers/promises';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { newPeople, UNLIMITED_ACS } from '../support/first-calls.js';
import { LoadBalancer } from '../support/load-balancer.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import type { Person } from '../support/tokens-api.js';
import { unknownIdentities } from '../support/unknown-identities.js';
import { untilSettled } from '../support/until-settled.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';
import { fingerprintSecrets, type Receipt, tokenReceipt } from './support/receipts.js';

const REPLICAS = 3;
const RESTART_EVERY_MS = 5_000;
/** A replica has ended this long after its last response. */
const MAX_EXIT_MS = 5_000;
const CALIBRATION = { clients: 32, ms: 8_000 };
const RETURNING = 100;
const FIRST_CALLS_SHARE = 0.05;
const TICK_MS = 20;

const { count, prng } = startCampaign({
  name: 'rolling-restart',
  description: `Replaces one of three replicas behind a load balancer every five seconds, while clients with kept
connections send half of the requests that the machine can answer; one in twenty is somebody's first call.
Checks that every request gets its token, that each process exits with 0 within five seconds of its last
response, that no outcome at ACS is unknown, and that the log verifies.`,
  count: { of: 'restarts', byDefault: 24 },
});

const cluster = await startTestCluster(true);
const service = await Service.start({
  cluster,
  replicas: 0,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 }, secrets: fingerprintSecrets },
  environment: {
    ...UNLIMITED_ACS,
    LOG_LEVEL: 'info',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
    // Longer than the load balancer takes to notice, as docs/operations.md advises.
    SHUTDOWN_DELAY_MS: '2000',
    // The defaults, which `Service` extends.
    ACS_TIMEOUT_MS: undefined,
    AUDIT_TIMEOUT_MS: undefined,
    DATABASE_TIMEOUT_MS: undefined,
    KEY_VAULT_TIMEOUT_MS: undefined,
  },
});
const balancer = await LoadBalancer.start();
const failures: string[] = [];
const receipts: Receipt[] = [];
let exitCode = 1;
try {
  let oldest = await addReplica();
  const younger: ApiProcess[] = [];
  while (younger.length < REPLICAS - 1) younger.push(await addReplica());
  const keys = await fetchLogKeys(service, oldest);
  const returning = await newPeople(service, RETURNING);
  const peak = await throughput(returning);
  const rate = peak / 2;
  const seconds = (count * RESTART_EVERY_MS) / 1000;
  console.log(
    `${Math.round(peak)} tokens per second at most; ${Math.round(rate)} for ${seconds} s`,
  );
  const first = await newPeople(service, Math.ceil(1.2 * rate * seconds * FIRST_CALLS_SHARE));

  const traffic = new AbortController();
  const sent = sendSteadily(rate, returning, first, traffic.signal);
  const delays: number[] = [];
  for (let restart = 0; restart < count; restart += 1) {
    const nextAt = performance.now() + RESTART_EVERY_MS;
    younger.push(await addReplica());
    delays.push(await end(oldest));
    oldest = younger.shift() ?? oldest;
    await delay(Math.max(0, nextAt - performance.now()));
  }
  traffic.abort();
  const answers = await sent;
  await Promise.all(service.apis.map(async (replica) => replica.stop()));
  await untilSettled(service);

  console.log(
    `${answers} requests, ${receipts.length} tokens; a process exits ${Math.round(Math.max(...delays))} ms after its last response at most`,
  );
  const unknown = await unknownIdentities(service);
  if (unknown.length > 0) failures.push(`${unknown.length} identities at ACS that nobody knows`);
  const orphans = await service.rows('SELECT 1 FROM mapping_orphan');
  if (orphans.length > 0) failures.push(`${orphans.length} calls to ACS whose outcome was lost`);
  failures.push(...(await checkLog(service, { receipts, checkpoints: [], keys })));
  exitCode = finishCampaign(answers, failures);
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await balancer.stop();
  await service.stop();
  await cluster.remove();
}
process.exit(exitCode);

async function addReplica(): Promise<ApiProcess> {
  const replica = await service.addApi();
  balancer.add(replica.url);
  await balancer.untilReady(replica.url);
  return replica;
}

/** Stops a replica as Kubernetes does. @returns ms from its last response to its exit */
async function end(replica: ApiProcess): Promise<number> {
  replica.process.kill('SIGTERM');
  const code = await replica.ended;
  const endedAt = performance.now();
  const exitMs = endedAt - (await balancer.remove(replica.url));
  if (code !== 0) failures.push(`a replica exited with ${code}`);
  if (exitMs > MAX_EXIT_MS) failures.push(`a replica exited ${Math.round(exitMs)} ms late`);
  return exitMs;
}

/** Tokens per second of clients that send as fast as they are answered. */
async function throughput(people: readonly Person[]): Promise<number> {
  for (const person of people) await request(person);
  const start = performance.now();
  let answered = 0;
  await Promise.all(
    Array.from({ length: CALIBRATION.clients }, async () => {
      while (performance.now() - start < CALIBRATION.ms) {
        await request(prng.pick(people));
        answered += 1;
      }
    }),
  );
  return answered / ((performance.now() - start) / 1000);
}

/** Sends requests at a rate, whether or not earlier ones were answered. @returns how many */
async function sendSteadily(
  perSecond: number,
  returning: readonly Person[],
  first: Person[],
  signal: AbortSignal,
): Promise<number> {
  const start = performance.now();
  const pending: Promise<void>[] = [];
  while (!signal.aborted) {
    const due = ((performance.now() - start) / 1000) * perSecond;
    while (pending.length < due) {
      const newcomer = prng.next() < FIRST_CALLS_SHARE ? first.pop() : undefined;
      pending.push(request(newcomer ?? prng.pick(returning)));
    }
    await delay(TICK_MS);
  }
  await Promise.all(pending);
  return pending.length;
}

/** Never rejects. */
async function request({ bearer }: Person): Promise<void> {
  try {
    const response = await fetch(`${balancer.url}/v1/me/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: '{}',
    });
    const text = await response.text();
    if (response.status === 200) receipts.push(tokenReceipt(text));
    else failures.push(`${response.status} ${text.slice(0, 300)}`);
  } catch (error) {
    failures.push(`no answer: ${String(error)}`);
  }
}
