import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { untilSettled } from '../support/until-settled.js';
import { until } from '../support/until.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { killPostgres } from './support/kill-postgres.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';
import { fingerprintSecrets } from './support/receipts.js';
import { startReplica } from './support/replica.js';
import { sendRequest } from './support/request.js';
import { TokenTraffic } from './support/token-traffic.js';

const REPLICAS = 3;
/** Replicas that may be dead at the same time; the others serve. */
const MAX_DEAD = 2;
const CLIENTS = 8;
const PEOPLE = 40;
/** One kill in five is a kill of PostgreSQL, after those of the api. */
const POSTGRES_SHARE = 0.2;

const { count, prng } = startCampaign({
  name: 'audit-crash',
  description: `Kills api processes, then PostgreSQL, with SIGKILL while three replicas issue tokens. One kill in
five is of PostgreSQL. Checks that every token that a client received has its entry, and that the log has
no gap, verifies, and continues every checkpoint that a client saw.`,
  count: { of: 'kills', byDefault: 110 },
});
const postgresKills = Math.ceil(count * POSTGRES_SHARE);
const apiKills = count - postgresKills;

/** Compiled modules: the many processes start faster. */
const cache = await mkdtemp(join(tmpdir(), 'acs-identity-cache-'));
const cluster = await startTestCluster(true);
const service = await Service.start({
  cluster,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 }, secrets: fingerprintSecrets },
  environment: {
    NODE_COMPILE_CACHE: cache,
    LOG_LEVEL: 'info', // the start of a process is recognised by a line of this level
    ACS_TIMEOUT_MS: '4000',
    AUDIT_TIMEOUT_MS: '4000',
    DATABASE_TIMEOUT_MS: '3000',
    MAPPING_SWEEP_SECONDS: '1',
    ACS_BUDGET_MAX_WAIT_MS: '2000',
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
  const traffic = await TokenTraffic.of(service, PEOPLE, prng);
  // A process that is not killed writes its compiled modules to the cache.
  await service.apis[0]?.stop();
  const replicas = new Set<ApiProcess>();
  for (let nth = 0; nth < REPLICAS; nth += 1) {
    replicas.add(await startReplica(service, traffic.failures));
  }
  const [first] = [...replicas];
  if (!first) throw new Error('no replica is running');
  const keys = await fetchLogKeys(service, first);

  let isRunning = true;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (isRunning) {
      await traffic.send(prng.pick([...replicas]));
      await delay(prng.below(20));
    }
  });
  const startedAt = Date.now();
  await killReplicas(replicas, traffic, startedAt);
  await killDatabase(replicas, traffic, startedAt);
  isRunning = false;
  await Promise.all(clients);

  for (const api of replicas) await traffic.serveEverybody(api);
  await untilSettled(service);
  const { receipts, checkpoints } = traffic;
  const failures = [
    ...traffic.failures,
    ...(await checkLog(service, { receipts, checkpoints, keys })),
    ...(await danglingMappings()),
  ];
  exitCode = finishCampaign(count + receipts.length, failures);
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
  await rm(cache, { recursive: true, force: true });
}
process.exit(exitCode);

/** Kills one replica after the other, each once it serves, and starts another in its place. */
async function killReplicas(
  replicas: Set<ApiProcess>,
  traffic: TokenTraffic,
  startedAt: number,
): Promise<void> {
  let left = apiKills;
  const killer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const victim = prng.pick([...replicas]);
      await until('the replica serves', 60_000, () => traffic.tokensBy(victim) > 0);
      await delay(prng.below(250));
      if (!replicas.delete(victim)) {
        // Another killer has killed it.
        left += 1;
        continue;
      }
      victim.process.kill('SIGKILL');
      await victim.ended;
      replicas.add(await startReplica(service, traffic.failures));
      if (left % 20 === 0) printProgress(`${apiKills - left} kills of the api`, traffic, startedAt);
    }
  };
  await Promise.all(Array.from({ length: MAX_DEAD }, killer));
}

/** Kills PostgreSQL under the running replicas, which must reconnect without a restart. */
async function killDatabase(
  replicas: ReadonlySet<ApiProcess>,
  traffic: TokenTraffic,
  startedAt: number,
): Promise<void> {
  for (let nth = 1; nth <= postgresKills; nth += 1) {
    const { length } = traffic.receipts;
    await until('a token is issued', 60_000, () => traffic.receipts.length > length);
    await delay(prng.below(150));
    await killPostgres(cluster);
    await delay(prng.below(200));
    await cluster.restart();
    if (nth % 10 === 0) printProgress(`${nth} kills of PostgreSQL`, traffic, startedAt);
  }
  for (const { url } of replicas) {
    const path = '/health/ready';
    await until(`${url} is ready`, 60_000, async () => {
      const response = await sendRequest(url, { method: 'GET', path }).catch(() => undefined);
      return response?.status === 200;
    });
  }
}

/** Mappings that a crash left unfinished, and subjects with several of them. */
async function danglingMappings(): Promise<string[]> {
  const rows = await service.rows<{ subject: string }>(
    `SELECT subject FROM mapping WHERE status <> 'deleted' GROUP BY tenant, subject
     HAVING count(*) > 1 OR bool_or(status <> 'active')`,
  );
  return rows.map(({ subject }) => `${subject} does not have exactly one active mapping`);
}

function printProgress(what: string, traffic: TokenTraffic, startedAt: number): void {
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  const { receipts, refused, unanswered } = traffic;
  console.log(
    `${what}, ${receipts.length} receipts, ${refused} refused, ${unanswered} unanswered, ${seconds} s`,
  );
}
