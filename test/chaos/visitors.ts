import { randomBytes, randomUUID } from 'node:crypto';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';
import { sendRequest } from './support/request.js';

const GUESSES_PER_VISITOR = 10;
const CLIENTS = 16;
/** Networks that guesses come from. */
const NETWORKS = 20;
const GUESSES_PER_MINUTE = 100;
const OTHERS = 25;
/** Of requests that were killed, with the lease of their mappings. */
const MAX_WAIT_MS = 180_000;

const { count, prng } = startCampaign({
  name: 'visitors',
  description: `Lets visitors into one meeting over two replicas, kills one with SIGKILL in the middle, and sends ten times as
many guesses and tampered invitations meanwhile. Then lets time pass in the database. Checks that no guess lets
anybody in and that they are limited, that the invitation lets in no more visitors than it has uses, that ACS has
none of their identities afterwards and all of everybody else's, and that each one whose answer was lost is recorded.`,
  count: { of: 'visitors', byDefault: 1_000 },
});

const cluster = await startTestCluster();
const raised = { create: 1e6, createWithToken: 1e6, issue: 1e6, delete: 1e6 };
const service = await Service.start({
  cluster,
  replicas: 2,
  emulator: { acs: { limits: raised, signingKeyBits: 1024 } },
  environment: {
    LOG_LEVEL: 'info',
    VISITOR_KEY_SECRET: 'invitation-key',
    VISITOR_TOKENS_PER_ADDRESS_PER_MINUTE: '0',
    VISITOR_TOKENS_PER_INVITATION_PER_MINUTE: '0',
    AUTHENTICATION_FAILURES_PER_MINUTE: String(GUESSES_PER_MINUTE),
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
    ACS_BUDGET_CREATE_WITH_TOKEN: '1000000',
    ACS_BUDGET_DELETE: '1000000',
    TRUSTED_PROXIES: '127.0.0.0/8,::1/128',
  },
});
const failures: string[] = [];
const guesses = new Map<number, number>();
let guessers = 0;
try {
  const meeting = await invite(count);
  const other = await invite(OTHERS);
  const others = [...(await admit(other.invitation, OTHERS)), ...(await signIn(OTHERS))];
  const startedAt = performance.now();
  const [visitors] = await Promise.all([
    admit(meeting.invitation, count + CLIENTS, killOnce()),
    guess(meeting.invitation),
  ]);
  const minutes = Math.ceil((performance.now() - startedAt) / 60_000) + 1;
  console.log(`${visitors.length} admitted; guesses by status: ${JSON.stringify([...guesses])}`);
  // Uses of requests that were killed return with their leases.
  if (visitors.length > count || visitors.length < count - CLIENTS) {
    failures.push(`${visitors.length} visitors admitted by ${count} uses`);
  }
  const unlimited = guesses.get(403) ?? 0;
  // Each replica has its own count while the store is not reached, as around a kill.
  const most = 1.1 * NETWORKS * GUESSES_PER_MINUTE * minutes + NETWORKS * CLIENTS;
  if (unlimited > most) failures.push(`${unlimited} guesses were not limited, of ${most}`);
  for (const status of guesses.keys()) {
    if (![403, 429, 503].includes(status)) failures.push(`a guess was answered with ${status}`);
  }
  await letTimePass(meeting.id);
  const expected = new Set(others);
  const remaining = async () => (await atAcs()).filter((id) => !expected.has(id));
  await until('ACS has no visitor', MAX_WAIT_MS, async () => {
    const [ids, lost] = [await remaining(), await lostCount()];
    return ids.length <= lost;
  });
  const left = await remaining();
  if (left.some((id) => visitors.includes(id))) failures.push('a visitor is left at ACS');
  const present = new Set(await atAcs());
  const missing = others.filter((id) => !present.has(id));
  if (missing.length > 0) failures.push(`${missing.length} identities of others are gone`);
  console.log(`${left.length} left at ACS, ${await lostCount()} recorded as lost`);
  const keys = await fetchLogKeys(service, replica(0));
  failures.push(...(await checkLog(service, { receipts: [], checkpoints: [], keys })));
} catch (error) {
  failures.push(String(error));
} finally {
  await service.stop();
  await cluster.remove();
}
process.exit(finishCampaign(count, failures));

function replica(nth: number) {
  const api = service.apis[nth % service.apis.length];
  if (!api) throw new Error('no replica runs');
  return api;
}

async function invite(uses: number): Promise<{ readonly id: string; readonly invitation: string }> {
  const body = { uses, meeting: 'campaign', expiresInMinutes: 600 };
  const token = await service.token('crm-service');
  const answer = await sendRequest(replica(0).url, {
    ...{ method: 'POST', path: '/v1/invitations', token, body },
  });
  return JSON.parse(answer.text) as { id: string; invitation: string };
}

/** @returns the status, 0 when the replica died, and the identity of an admitted visitor */
async function visit(
  invitation: string,
  address: string,
): Promise<{ readonly status: number; readonly id?: string }> {
  try {
    const response = await fetch(`${replica(prng.below(2)).url}/v1/visitors/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      body: JSON.stringify({ invitation }),
    });
    const { status } = response;
    const body = (await response.json()) as { communicationUserId?: string };
    return status === 200 ? { status, id: body.communicationUserId ?? '' } : { status };
  } catch {
    return { status: 0 };
  }
}

/** Sends visitors, each until it is admitted or refused. @returns the identities of those admitted */
async function admit(
  invitation: string,
  visitors: number,
  onAdmitted: (admitted: number) => Promise<void> = async () => Promise.resolve(),
): Promise<string[]> {
  const admitted: string[] = [];
  let waiting = visitors;
  await inClients(async () => {
    while (waiting > 0) {
      waiting -= 1;
      await until('a visitor is admitted or refused', MAX_WAIT_MS, async () => {
        const { status, id } = await visit(invitation, `198.51.100.${prng.below(250)}`);
        if (id !== undefined) admitted.push(id);
        return status === 200 || status === 403;
      });
      await onAdmitted(admitted.length);
    }
  });
  return admitted;
}

/** Guesses of every kind: random ones, and the genuine one with one character that is another. */
async function guess(genuine: string): Promise<void> {
  const [head = '', version = ''] = genuine.split('.');
  let left = count * GUESSES_PER_VISITOR;
  await inClients(async () => {
    for (; left > 0;) {
      left -= 1;
      guessers += 1;
      const at = prng.below(genuine.length);
      const tampered =
        genuine.slice(0, at) + (genuine[at] === 'A' ? 'B' : 'A') + genuine.slice(at + 1);
      const random = `${head}.${version}.${randomBytes(36).toString('base64url')}.${randomBytes(32).toString('base64url')}`;
      const text = [tampered, random, randomUUID()][guessers % 3] ?? random;
      const address = `2001:db8:0:${(guessers % NETWORKS).toString(16)}::${prng.below(60_000).toString(16)}`;
      const { status } = await visit(text, address);
      if (status !== 0) guesses.set(status, (guesses.get(status) ?? 0) + 1);
    }
  });
}

async function inClients(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: CLIENTS }, work));
}

/** Identities of people of the same tenant. */
async function signIn(people: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < people; n += 1) {
    const claims = { oid: randomUUID() };
    const token = await service.emulator.control.mintToken({ person: 'alice', claims });
    const request = { method: 'POST', path: '/v1/me/tokens', token, body: {} } as const;
    const { text } = await sendRequest(replica(n).url, request);
    const { identity } = JSON.parse(text) as { identity: { communicationUserId: string } };
    ids.push(identity.communicationUserId);
  }
  return ids;
}

/** Kills a replica when half of the visitors are admitted, and starts another one. */
function killOnce(): (admitted: number) => Promise<void> {
  let isKilled = false;
  return async (admitted) => {
    if (isKilled || admitted < count / 2) return;
    isKilled = true;
    const [killed] = service.apis.splice(prng.below(2), 1);
    killed?.process.kill('SIGKILL');
    await killed?.ended;
    console.log(`killed a replica after ${admitted} visitors`);
    await service.addApi();
  };
}

/** Ages the visitors of an invitation by more than the lifetime of their tokens and the grace time. */
async function letTimePass(invitation: string): Promise<void> {
  await service.rows(
    `UPDATE visitor SET due_at = due_at - interval '25 hours', created_at = created_at - interval '25 hours'
     WHERE invitation_id = $1`,
    [invitation],
  );
}

async function atAcs(): Promise<string[]> {
  const identities = await service.emulator.control.listIdentities();
  return identities.flatMap(({ id, deletedAt }) => (deletedAt === undefined ? [id] : []));
}

/** Identities that ACS may have and whose ids nobody knows, as the log says it. */
async function lostCount(): Promise<number> {
  const entries = await service.auditEntries();
  return entries.filter(({ action }) => action === 'identity.outcome-unknown').length;
}
