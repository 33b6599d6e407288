// Crash campaign: three replicas give out tokens while one after the other is killed with SIGKILL, then
// while PostgreSQL is. Afterwards every token that a client received must have its entry, and the log
// must be one, without a gap, and continue every checkpoint that anybody saw.
//
//   node dist/test/chaos/audit-crash.js --count 200 --postgres 50 --seed 1
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { startTestCluster } from '../support/test-cluster.js';
import { Service } from '../support/service.js';
import { sendRequest } from './support/request.js';
import { Prng } from '../support/prng.js';
import { killPostgres } from './support/kill-postgres.js';
import { checkLog, fetchLogKeys, untilSettled } from './support/log-checker.js';
import { fingerprintSecrets } from './support/receipts.js';
import { startReplica } from './support/replica.js';
import { TokenTraffic } from './support/token-traffic.js';
import { until } from '../support/until.js';

const REPLICAS = 3;
/** So many may be dead at the same time; at least one serves. */
const KILLERS = 2;
const CLIENTS = 8;
const PEOPLE = 40;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    postgres: { type: 'string' },
    seed: { type: 'string' },
  },
});
const kills = Number(values.count);
const crashes = Number(values.postgres ?? Math.ceil(kills / 4));
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const random = new Prng(seed);
console.log(`audit-crash: ${kills} kills of the api, ${crashes} of PostgreSQL, seed ${seed}`);

/** Compiled modules, so that the many processes start faster. */
const cache = await mkdtemp(join(tmpdir(), 'acs-identity-cache-'));
const cluster = await startTestCluster(true);
const service = await Service.start({
  cluster,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 }, secrets: fingerprintSecrets },
  environment: {
    NODE_COMPILE_CACHE: cache,
    LOG_LEVEL: 'info', // starting is told by a line of the log
    ACS_TIMEOUT_MS: '4000',
    AUDIT_TIMEOUT_MS: '4000',
    DATABASE_TIMEOUT_MS: '3000',
    MAPPING_SWEEP_SECONDS: '1',
    MAPPING_LEASE_MS: '8000',
    MAPPING_WAIT_MS: '4000',
    ACS_BUDGET_CREATE: '100000',
    ACS_BUDGET_ISSUE: '100000',
    ACS_BUDGET_REVOKE: '100000',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
  },
});
let exitCode = 1;
try {
  const traffic = await TokenTraffic.of(service, PEOPLE, random);
  // One that ends by itself leaves its compiled modules behind.
  await service.apis[0]?.stop();
  const replicas = new Set<ApiProcess>();
  for (let nth = 0; nth < REPLICAS; nth += 1)
    replicas.add(await startReplica(service, traffic.broken));
  const [first] = [...replicas];
  if (!first) throw new Error('no replica runs');
  const keys = await fetchLogKeys(service, first);

  let isRunning = true;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (isRunning) {
      await traffic.send(random.pick([...replicas]));
      await delay(random.below(20));
    }
  });
  const startedAt = Date.now();
  await killApis(replicas, traffic, startedAt);
  await killDatabase(replicas, traffic, startedAt);
  isRunning = false;
  await Promise.all(clients);

  for (const api of replicas) await traffic.serveEverybody(api);
  await untilSettled(service);
  const { receipts, checkpoints } = traffic;
  const failures = [
    ...traffic.broken,
    ...(await checkLog(service, { receipts, checkpoints, keys })),
    ...(await danglingMappings()),
  ];
  for (const failure of failures.slice(0, 20)) console.error(`FAILED ${failure}`);
  const passed = kills + crashes + receipts.length;
  console.log(`${passed} passed, ${failures.length} failed`);
  exitCode = failures.length === 0 ? 0 : 1;
} finally {
  await service.stop();
  await cluster.remove();
  await rm(cache, { recursive: true, force: true });
}
process.exit(exitCode);

/** Kills one replica after the other, each once it serves, and starts another in its place. */
async function killApis(
  replicas: Set<ApiProcess>,
  traffic: TokenTraffic,
  startedAt: number,
): Promise<void> {
  let left = kills;
  const killer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const victim = random.pick([...replicas]);
      await until('the replica serves', 60_000, () => traffic.tokensBy(victim) > 0);
      await delay(random.below(250));
      if (!replicas.delete(victim)) {
        // The other killer was faster.
        left += 1;
        continue;
      }
      victim.process.kill('SIGKILL');
      await victim.ended;
      replicas.add(await startReplica(service, traffic.broken));
      if (left % 20 === 0) told(`${kills - left} kills of the api`, traffic, startedAt);
    }
  };
  await Promise.all(Array.from({ length: KILLERS }, killer));
}

/** Kills the database under the working replicas, which must find back to it by themselves. */
async function killDatabase(
  replicas: ReadonlySet<ApiProcess>,
  traffic: TokenTraffic,
  startedAt: number,
): Promise<void> {
  for (let nth = 1; nth <= crashes; nth += 1) {
    const { length } = traffic.receipts;
    await until('tokens are given out', 60_000, () => traffic.receipts.length > length);
    await delay(random.below(150));
    await killPostgres(cluster);
    await delay(random.below(200));
    await cluster.restart();
    if (nth % 10 === 0) told(`${nth} kills of PostgreSQL`, traffic, startedAt);
  }
  for (const { url } of replicas) {
    const path = '/health/ready';
    await until(`${url} is ready again`, 60_000, async () => {
      const answer = await sendRequest(url, { method: 'GET', path }).catch(() => undefined);
      return answer?.status === 200;
    });
  }
}

/** A mapping is in use or done with: a crash leaves nothing between, and no person two of them. */
async function danglingMappings(): Promise<string[]> {
  const rows = await service.rows<{ subject: string }>(
    `SELECT subject FROM mapping WHERE status <> 'deleted' GROUP BY tenant, subject
     HAVING count(*) > 1 OR bool_or(status <> 'active')`,
  );
  return rows.map(({ subject }) => `${subject} has no single, active mapping`);
}

function told(what: string, traffic: TokenTraffic, startedAt: number): void {
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  const { receipts, refused, unanswered } = traffic;
  console.log(
    `${what}, ${receipts.length} receipts, ${refused} refused, ${unanswered} unanswered, ${seconds} s`,
  );
}
