import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { finishCampaign, startCampaign } from './support/campaign.js';

const RACERS = 4;
const REPLICAS = 3;
/** Concurrent requests; what a machine with two cores serves within the deadlines. */
const CONCURRENCY = 250;

const { count, prng } = startCampaign({
  name: 'identity-race',
  description: `Sends concurrent first calls to three replicas: --count for one subject, then four for each of half as
many subjects. Checks that each subject gets one identity, and that ACS has created no other.`,
  count: { of: 'first calls', byDefault: 1_000 },
});

const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  replicas: REPLICAS,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024, latencyMs: 100 } },
  environment: {
    LOG_LEVEL: 'info',
    MAPPING_WAIT_MS: '60000',
    MAPPING_LEASE_MS: '60000',
    DATABASE_TIMEOUT_MS: '30000',
    AUDIT_TIMEOUT_MS: '30000',
    ACS_TIMEOUT_MS: '30000',
    ACS_BUDGET_CREATE: '100000',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
  },
});
let passed = 0;
const failures: string[] = [];
try {
  const token = await service.token('ada');
  const same = await race(
    token,
    Array.from({ length: count }, () => 'one-subject'),
  );
  check(same.size === 1, `${count} first calls for one subject got ${same.size} identities`);
  const created = await identitiesAtAcs();
  check(created === 1, `ACS created ${created} identities for one subject`);

  const subjects = Array.from({ length: Math.ceil(count / 2) }, (_, n) => `person-${n}`);
  const others = await race(token, Array.from({ length: RACERS }, () => subjects).flat());
  check(
    others.size === subjects.length,
    `${RACERS} first calls for each of ${subjects.length} subjects got ${others.size} identities`,
  );
  const all = await identitiesAtAcs();
  check(
    all === subjects.length + 1,
    `ACS created ${all} identities for ${subjects.length + 1} subjects`,
  );
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
}
process.exit(finishCampaign(passed, failures));

/** Sends one call for each subject, to random replicas. @returns the identities in the responses */
async function race(token: string, subjects: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  const waiting = [...subjects];
  const work = async (): Promise<void> => {
    for (let subject = waiting.shift(); subject !== undefined; subject = waiting.shift()) {
      const response = await fetch(`${service.urlOf(prng.below(REPLICAS))}/v1/identities`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'user', subject }),
      });
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      const body = (await response.json()) as { communicationUserId: string };
      found.add(body.communicationUserId);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return found;
}

async function identitiesAtAcs(): Promise<number> {
  return (await service.emulator.control.listIdentities()).length;
}

function check(isTrue: boolean, result: string): void {
  console.log(result);
  if (isTrue) passed += 1;
  else failures.push(result);
}
