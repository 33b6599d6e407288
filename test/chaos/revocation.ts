import { setTimeout as delay } from 'node:timers/promises';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { CLIENT_EXCHANGE_ROUTES } from '../security/routes.js';
import { AssignedPeople } from './support/assigned-people.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';
import { RevokedPeople } from './support/revoked-people.js';
import { sendRequest } from './support/request.js';

/** ACS's limit of revocations in a window, which the campaign does not change. */
const LIMIT = 500;
const WINDOW_SECONDS = 30;
const CLIENTS = 12;
/** People with a token that they exchanged under a Teams Phone assignment. */
const ASSIGNED = 50;
/** Parts of the revocations after which the working replica is killed. */
const KILLS_AT = [0.3, 0.6];
/** After a kill the work rests for its lease: ACS_TIMEOUT_MS and 3 s, by default. */
const TAKEOVER_SECONDS = 8;
/** Calls to ACS at a time: as many can be under way at a kill, and are repeated. */
const MAX_UNDER_WAY = 16;

const { count, prng } = startCampaign({
  name: 'revocation',
  description: `Revokes the tokens of many people at once while they continue to request new ones, over two replicas, and
kills the replica that asks ACS with SIGKILL, twice. Checks that ACS accepts no token from before, that nobody
is revoked twice without need, that a token issued since stays valid, that tokens exchanged under Teams Phone
assignments are revoked as well, and that it ends within 1.05 times what
the limit of ACS (500 in 30 s, as documented) allows and the leases of the killed ones. Only ACS's other limits are raised.`,
  count: { of: 'people', byDefault: 1_000 },
});

const cluster = await startTestCluster();
const raised = { create: 1e6, createWithToken: 1e6, issue: 1e6, delete: 1e6, exchange: 1e6 };
const service = await Service.start({
  cluster,
  replicas: 2,
  emulator: { acs: { limits: { ...raised, revoke: LIMIT }, signingKeyBits: 1024 } },
  environment: {
    ...CLIENT_EXCHANGE_ROUTES,
    LOG_LEVEL: 'info',
    ACS_BUDGET_CREATE_WITH_TOKEN: '1000000',
    ACS_BUDGET_ISSUE: '1000000',
    ACS_TIMEOUT_MS: undefined, // the default, on which the lease of the worker depends
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
  },
});
const failures: string[] = [];
try {
  const people = await RevokedPeople.of(service, count, prng);
  await people.serveEverybody(() => urlOf(0));
  const assigned = await AssignedPeople.of(service, ASSIGNED, urlOf(0));
  console.log(`${count} people have tokens, and ${ASSIGNED} others by an assignment`);
  const operator = await service.token('ada');
  const startedAt = performance.now();
  const started = await sendRequest(urlOf(0), {
    ...{ method: 'POST', path: '/v1/revocations', token: operator },
    body: { everyone: true, reason: 'a campaign' },
  });
  const { id, identities, assignments } = JSON.parse(started.text) as {
    readonly id: string;
    readonly identities: number;
    readonly assignments: number;
  };
  if (identities !== count || assignments !== ASSIGNED) {
    failures.push(`${identities} identities and ${assignments} assignments to revoke`);
  }
  people.begin();

  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!isOver) await people.ask(urlOf(prng.below(service.apis.length)));
  });
  for (const part of KILLS_AT) {
    await untilRemaining(id, operator, count * (1 - part));
    await killWorker();
  }
  await untilRemaining(id, operator, 0);
  const seconds = (performance.now() - startedAt) / 1_000;
  isOver = true;
  await Promise.all(clients);

  const bound = (count / LIMIT) * WINDOW_SECONDS;
  console.log(`${seconds.toFixed(1)} s; the limit of ACS allows ${bound.toFixed(1)} s`);
  const allowed = 1.05 * bound + KILLS_AT.length * TAKEOVER_SECONDS;
  if (seconds > allowed) failures.push(`${seconds.toFixed(1)} s where ${allowed} s are allowed`);
  failures.push(...(await people.check(KILLS_AT.length * MAX_UNDER_WAY)));
  failures.push(...(await assigned.check(urlOf(0))));
  const keys = await fetchLogKeys(service, replica(0));
  failures.push(...(await checkLog(service, { receipts: [], checkpoints: [], keys })));
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
}
process.exit(finishCampaign(count, failures));

function replica(nth: number): ApiProcess {
  const api = service.apis[nth % service.apis.length];
  if (!api) throw new Error('no replica runs');
  return api;
}

function urlOf(nth: number): string {
  return replica(nth).url;
}

/** Waits until at most that number of identities is left; of none, until the revocation is complete. */
async function untilRemaining(id: string, token: string, most: number): Promise<void> {
  for (;;) {
    const { status, text } = await sendRequest(urlOf(prng.below(2)), {
      ...{ method: 'GET', path: `/v1/revocations/${id}`, token },
    }).catch(() => ({ status: 0, text: '' }));
    if (status === 200) {
      const progress = JSON.parse(text) as { status: string; remainingIdentities: number };
      if (progress.status === 'completed') return;
      if (most > 0 && progress.remainingIdentities <= most) return;
    }
    await delay(250);
  }
}

/** Kills the replica that asks ACS, and starts another one. */
async function killWorker(): Promise<void> {
  const before = await Promise.all(service.apis.map(revokedBy));
  let worker: number | undefined;
  while (worker === undefined) {
    await delay(100);
    const now = await Promise.all(service.apis.map(revokedBy));
    const nth = now.findIndex((revoked, each) => revoked > (before[each] ?? 0));
    if (nth !== -1) worker = nth;
  }
  const [killed] = service.apis.splice(worker, 1);
  killed?.process.kill('SIGKILL');
  await killed?.ended;
  console.log(`killed the working replica, which had revoked ${(before[worker] ?? 0) || 'some'}`);
  void service.addApi();
}

/** How many identities a replica has revoked, as its metrics say. */
async function revokedBy({ url }: ApiProcess): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = /^mass_revocation_identities_total\{outcome="revoked"\} (\d+)$/m.exec(text);
  return Number(line?.[1] ?? 0);
}
