import { startTestCluster } from '../support/test-cluster.js';
import { DelayProxy } from '../support/delay-proxy.js';
import {
  firstCall,
  issuances,
  newPeople,
  statusesOf,
  UNLIMITED_ACS,
} from '../support/first-calls.js';
import { Service } from '../support/service.js';
import { newPerson } from '../support/tokens-api.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';

/** Milliseconds by which each message between the service and PostgreSQL is late. */
const DELAYS_MS = [0, 1, 5];
const ACS_LATENCY_MS = 40;

const { count } = startCampaign({
  name: 'first-calls',
  description: `Sends the first calls of many people at once to one replica with default deadlines, with PostgreSQL
next to it, one and five milliseconds away. Checks that every person gets a token, that the log has
exactly one success for each, and that it verifies. Needs a machine that does nothing else.`,
  count: { of: 'people at once', byDefault: 1_000 },
});

const cluster = await startTestCluster(true);
const proxy = await DelayProxy.start({ targetPort: cluster.port });
const service = await Service.start({
  cluster,
  replicas: 0,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
  environment: {
    ...UNLIMITED_ACS,
    LOG_LEVEL: 'info',
    // The defaults, which `Service` extends.
    ACS_TIMEOUT_MS: undefined,
    AUDIT_TIMEOUT_MS: undefined,
    DATABASE_TIMEOUT_MS: undefined,
    KEY_VAULT_TIMEOUT_MS: undefined,
  },
});
const failures: string[] = [];
let served = 0;
try {
  const latency = {
    service: 'acs',
    operation: '*',
    kind: 'latency',
    latencyMs: ACS_LATENCY_MS,
  } as const;
  await service.emulator.control.addFault(latency);
  for (const delayMs of DELAYS_MS) await burst(delayMs);
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
  await proxy.stop();
}
process.exit(finishCampaign(served, failures));

async function burst(delayMs: number): Promise<void> {
  const people = await newPeople(service, count);
  const api = await service.addApi({ DATABASE_URL: proxy.urlOf(service.database.serviceUrl) });
  await firstCall(api.url, await newPerson(service)); // reads keys and secrets
  const commitCount = async (): Promise<number> =>
    (await service.rows('SELECT FROM audit_head')).length;
  const before = await commitCount();
  proxy.delayMs = delayMs;
  const startedAt = performance.now();
  const answers = await Promise.all(people.map(async (person) => firstCall(api.url, person)));
  const seconds = (performance.now() - startedAt) / 1_000;
  proxy.delayMs = 0;
  const commits = (await commitCount()) - before;
  const statuses = JSON.stringify(statusesOf(answers));
  console.log(
    `${delayMs} ms: ${seconds.toFixed(2)} s, ${(commits / count).toFixed(3)} commits for each person, ${statuses}`,
  );
  const receipts = answers
    .filter(({ status }) => status === 200)
    .map(({ body }) => body.auditEntry.id);
  served += receipts.length;
  if (receipts.length < count) failures.push(`${delayMs} ms: ${statuses}`);
  const keys = await fetchLogKeys(service, api);
  await api.stop(); // records what is late
  service.apis.pop();
  const { successes, withheld } = await issuances(service, people);
  if ([...successes].sort().join() !== [...receipts, ...withheld].sort().join()) {
    failures.push(
      `${delayMs} ms: ${successes.length} successes, ${receipts.length} receipts, ${withheld.length} late`,
    );
  }
  failures.push(...(await checkLog(service, { receipts: [], checkpoints: [], keys })));
}
