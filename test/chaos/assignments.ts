import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { checkAssignments } from './support/assignment-checker.js';
import { AssignmentTraffic } from './support/assignment-traffic.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';

const PEOPLE = 100;
/** All changes of a round are sent at once. */
const ROUNDS = 2;
/** Parts of the changes of a round after whose answers a replica is killed. */
const KILLS_AT = [0.1, 0.4, 0.7];

const { count, seed, prng } = startCampaign({
  name: 'assignments',
  description: `Sends PUT and DELETE of the Teams Phone assignments of ${PEOPLE} people to two replicas, all of a round at once,
in ${ROUNDS} rounds, and kills a replica with SIGKILL ${KILLS_AT.length} times in each, while ACS loses answers and refuses calls at random.
Checks that the list, ACS, the audit log and the answers agree in the end, and that each call to ACS is recorded as
confirmed or as of unknown outcome.`,
  count: { of: 'changes in a round', byDefault: 1_000 },
});

const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  replicas: 2,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
  environment: {
    LOG_LEVEL: 'info',
    ACS_TIMEOUT_MS: '1500',
    ACS_BUDGET_MAX_WAIT_MS: '500',
    ACS_BUDGET_ASSIGN: '100000',
    ACS_BUDGET_UNASSIGN: '100000',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
  },
});
let exitCode = 1;
try {
  const traffic = new AssignmentTraffic({
    tenant: SAMPLE_TENANTS.home.id,
    token: await service.token('ada'),
    people: PEOPLE,
    prng,
    url: () => prng.pick(service.apis).url,
  });
  for (let round = 1; round <= ROUNDS; round += 1) {
    await addFaults(round);
    const answeredBefore = traffic.answers.length;
    const changes = Array.from({ length: count }, async () => traffic.send());
    const kills = killing(() => traffic.answers.length - answeredBefore);
    await Promise.all([...changes, kills]);
    await service.emulator.control.removeFaults();
    console.log(
      `round ${round}: ${traffic.answers.length} changes answered; ${traffic.unanswered} requests lost with a replica, ${traffic.deferred} refused for now`,
    );
  }
  await untilConfirmed();
  const [api] = service.apis;
  if (!api) throw new Error('no replica runs');
  const keys = await fetchLogKeys(service, api);
  const failures = [
    ...traffic.failures,
    ...(await checkAssignments(service, traffic.answers)),
    ...(await checkLog(service, { receipts: [], checkpoints: [], keys })),
  ];
  exitCode = finishCampaign(traffic.answers.length, failures);
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
}
process.exit(exitCode);

async function addFaults(round: number): Promise<void> {
  const faults = [
    { operation: 'assign', kind: 'latency', latencyMs: 150, probability: 0.3 },
    { operation: 'assign', kind: 'reply-lost', probability: 0.05 },
    { operation: 'unassign', kind: 'latency', latencyMs: 150, probability: 0.3 },
    { operation: 'unassign', kind: 'reply-lost', probability: 0.05 },
    { operation: 'unassign', kind: 'status', probability: 0.03 },
  ] as const;
  for (const [nth, fault] of faults.entries()) {
    const own = seed + round * faults.length + nth;
    await service.emulator.control.addFault({ service: 'acs', ...fault, seed: own });
  }
}

/** Kills a replica whenever enough changes are answered, and starts another one. */
async function killing(answered: () => number): Promise<void> {
  for (const part of KILLS_AT) {
    await until('changes are answered', 300_000, () => answered() >= part * count);
    const [killed] = service.apis.splice(prng.below(service.apis.length), 1);
    killed?.process.kill('SIGKILL');
    await killed?.ended;
    console.log(`killed a replica after ${answered()} answers`);
    await service.addApi();
  }
}

/** Waits until ACS has confirmed every change: the recovery workers carry out what is left. */
async function untilConfirmed(): Promise<void> {
  await until('no assignment is owed to ACS', 120_000, async () => {
    const owed = await service.rows(
      'SELECT FROM teams_phone_assignment WHERE lease_expires_at IS NOT NULL LIMIT 1',
    );
    return owed.length === 0;
  });
}
