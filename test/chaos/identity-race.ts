import { parseArgs } from 'node:util';
import { startTestCluster } from '../support/test-cluster.js';
import { Service } from '../support/service.js';

/**
 * First calls that race over three processes: a thousand for one subject, then four for each of five
 * hundred. One identity for each subject must come of it, at ACS too.
 *
 *     node dist/test/chaos/identity-race.js --count 1000 --subjects 500
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    subjects: { type: 'string', default: '500' },
  },
});
const RACERS = 4;
const REPLICAS = 3;
/** A machine with two cores serves so many in time; the rest waits its turn, as behind a proxy. */
const AT_ONCE = 250;

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
let failures = 0;
try {
  const token = await service.token('ada');
  const one = await race(
    token,
    Array.from({ length: Number(values.count) }, () => 'the-one'),
  );
  check(
    one.size === 1 && (await identitiesAtAcs()) === 1,
    `${values.count} first calls, 1 identity`,
  );

  const subjects = Array.from({ length: Number(values.subjects) }, (_, n) => `person-${n}`);
  const many = await race(token, Array.from({ length: RACERS }, () => subjects).flat());
  check(
    many.size === subjects.length,
    `${subjects.length} subjects × ${RACERS} racers, as many identities`,
  );
  check((await identitiesAtAcs()) === subjects.length + 1, 'ACS has made no identity in vain');
} finally {
  await service.stop();
  await cluster.remove();
}
console.log(`${3 - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);

/** Calls for each subject, over all replicas. @returns the identities that were answered */
async function race(token: string, subjects: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  const waiting = [...subjects.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [nth, subject] = next;
      const answer = await fetch(`${service.urlOf(nth % REPLICAS)}/v1/identities`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'user', subject }),
      });
      if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
      found.add(((await answer.json()) as { communicationUserId: string }).communicationUserId);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

async function identitiesAtAcs(): Promise<number> {
  return (await service.emulator.control.listIdentities()).length;
}

function check(isTrue: boolean, claim: string): void {
  if (!isTrue) failures += 1;
  console.log(`${isTrue ? 'passed' : 'FAILED'}: ${claim}`);
}
