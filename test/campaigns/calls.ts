// Load and faults: many people ask two api processes for tokens, first in peace, then while Entra ID, ACS
// and Key Vault misbehave at random. Whatever happens: no answer but 200, 429 and 503; every token has its
// entry; every person keeps one identity; the log verifies.
//
//   node dist/test/campaigns/calls.js --count 4000 --seed 1
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';
import type { FaultRequest } from '../../apps/emulator/src/emulator.js';
import { DatabaseVerifier } from '#libs/audit';
import { Database, dataSourceOptions } from '#libs/platform';
import { NoteSigner } from '#libs/transparency-log';
import { startTestCluster } from '../environment/cluster.js';
import { type AuditEntry, Service } from '../environment/service.js';
import { Random } from './audit-random.js';

const PEOPLE = 60;
const CALLERS = 16;
const SIGNING_SEED = Buffer.alloc(32, 7);
const ORIGIN = 'campaign/audit';

const faults: readonly Omit<FaultRequest, 'probability' | 'seed'>[] = [
  { service: 'acs', operation: '*', kind: 'status', status: 503 },
  { service: 'acs', operation: '*', kind: 'status', status: 500 },
  { service: 'acs', operation: '*', kind: 'status', status: 429, headers: { 'retry-after': '1' } },
  { service: 'acs', operation: '*', kind: 'reset' },
  { service: 'acs', operation: '*', kind: 'malformed' },
  { service: 'acs', operation: '*', kind: 'reply-lost' },
  { service: 'acs', operation: '*', kind: 'latency', latencyMs: 300 },
  { service: 'acs', operation: '*', kind: 'hang' },
  { service: 'entra', operation: '*', kind: 'status', status: 503 },
  { service: 'entra', operation: '*', kind: 'malformed' },
  { service: 'key-vault', operation: '*', kind: 'status', status: 503 },
  { service: 'key-vault', operation: '*', kind: 'hang' },
];

interface Answered {
  readonly person: number;
  readonly status: number;
  readonly communicationUserId: string | undefined;
  readonly auditIndex: number | undefined;
}

const { values } = parseArgs({
  options: { count: { type: 'string', default: '4000' }, seed: { type: 'string' } },
});
const count = Number(values.count);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const random = new Random(seed);
console.log(`load and fault campaign: ${count} calls, seed ${seed}`);

const cluster = await startTestCluster();
const service = await Service.start({
  cluster: { superuserUrl: cluster.url('postgres'), port: cluster.port },
  replicas: 2,
  environment: {
    LOG_LEVEL: 'info',
    AUDIT_LOG_ORIGIN: ORIGIN,
    ACS_TIMEOUT_MS: '1000',
    KEY_VAULT_TIMEOUT_MS: '1000',
    MAPPING_LEASE_MS: '3000',
    MAPPING_WAIT_MS: '2000',
  },
  emulator: {
    acs: { limits: 'off', signingKeyBits: 1024 },
    secrets: { 'audit-signing-key': SIGNING_SEED.toString('base64') },
  },
});
const broken: string[] = [];
try {
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, async () =>
      service.emulator.control.mintToken({
        person: 'alice',
        claims: { oid: crypto.randomUUID() },
        expiresInSeconds: 6 * 3600,
      }),
    ),
  );
  const answers: Answered[] = [];
  const startedAt = performance.now();
  for (const isFaulty of [false, true]) {
    const end = isFaulty ? count : Math.floor(count / 2);
    let isOver = false;
    const troubles = isFaulty ? makeTrouble(() => isOver) : undefined;
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        while (answers.length < end) answers.push(await ask(people, random.below(PEOPLE)));
      }),
    );
    isOver = true;
    await troubles;
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  await settle(people);
  await judge(answers);
  const byStatus = Map.groupBy(answers, ({ status }) => status);
  const statuses = [...byStatus].map(([status, all]) => `${status}: ${all.length}`).sort();
  console.log(`${answers.length} calls in ${seconds.toFixed(1)} s; ${statuses.join(', ')}`);
} finally {
  await service.stop().catch((error: unknown) => broken.push(String(error)));
  await cluster.remove();
}
for (const promise of broken.slice(0, 20)) console.error(`broken: ${promise}`);
console.log(`${broken.length === 0 ? 1 : 0} passed, ${broken.length} failed`);
process.exitCode = broken.length === 0 ? 0 : 1;

/** One call; a refused connection counts as an answer that must not be. */
async function ask(people: readonly string[], person: number): Promise<Answered> {
  const answer = await fetch(`${service.urlOf(person % 2)}/v1/me/tokens`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${people[person] ?? ''}`,
      'content-type': 'application/json',
    },
    body: '{}',
  }).catch((cause: unknown) => ({
    status: 0,
    json: async () => Promise.reject(new Error('no answer', { cause })),
  }));
  if (![200, 429, 503].includes(answer.status))
    broken.push(`an answer had status ${answer.status}`);
  if (answer.status !== 200) {
    await answer.json().catch(() => undefined);
    return { person, status: answer.status, communicationUserId: undefined, auditIndex: undefined };
  }
  const body = (await answer.json()) as {
    identity: { communicationUserId: string };
    auditEntry: { index: number };
  };
  return {
    person,
    status: 200,
    communicationUserId: body.identity.communicationUserId,
    auditIndex: body.auditEntry.index,
  };
}

/** Switches random faults on and off until the calls are over. */
async function makeTrouble(isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await service.emulator.control.removeFaults();
    for (let n = random.below(3); n > 0; n -= 1) {
      await service.emulator.control.addFault({
        ...random.pick(faults),
        probability: random.pick([0.1, 0.5, 1]),
        seed: random.below(1_000_000),
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 100 + random.below(900)));
  }
  await service.emulator.control.removeFaults();
}

/** After the trouble, everybody is served again. */
async function settle(people: readonly string[]): Promise<void> {
  const until = performance.now() + 180_000;
  for (let person = 0; person < PEOPLE;) {
    const { status } = await ask(people, person);
    if (status === 200) person += 1;
    else if (performance.now() > until) {
      broken.push(`person ${person} is not served although the trouble is over`);
      return;
    } else await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function judge(answers: readonly Answered[]): Promise<void> {
  const entries = await service.auditEntries();
  const seen = new Map<number, string>();
  const used = new Set<number>();
  for (const { person, communicationUserId, auditIndex } of answers) {
    if (communicationUserId === undefined || auditIndex === undefined) continue;
    const known = seen.get(person) ?? communicationUserId;
    seen.set(person, known);
    if (known !== communicationUserId) broken.push(`person ${person} has two identities`);
    if (used.has(auditIndex)) broken.push(`two tokens name entry ${auditIndex}`);
    used.add(auditIndex);
    if (!tellsOf(entries[auditIndex], communicationUserId)) {
      broken.push(`entry ${auditIndex} does not tell of the token that names it`);
    }
  }
  const doubles = await service.rows(
    `SELECT tenant, subject FROM mapping WHERE status <> 'deleted' GROUP BY 1, 2 HAVING count(*) > 1`,
  );
  if (doubles.length > 0) broken.push(`${doubles.length} people have two mappings`);
  await verifyLog();
}

function tellsOf(entry: AuditEntry | undefined, communicationUserId: string): boolean {
  return (
    entry?.outcome === 'success' &&
    ['token.issue', 'token.reuse'].includes(entry.action) &&
    entry.target?.communicationUserId === communicationUserId
  );
}

async function verifyLog(): Promise<void> {
  const source = new DataSource(
    dataSourceOptions({ url: service.database.superuserUrl, poolSize: 2, timeoutMs: 60_000 }),
  );
  const report = await new DatabaseVerifier(new Database(source)).verify({
    origin: ORIGIN,
    verifiers: [new NoteSigner(ORIGIN, SIGNING_SEED).verifier],
    known: [],
  });
  await source.destroy();
  console.log(`the log has ${report.size} entries and ${report.faults.length} faults`);
  for (const fault of report.faults) broken.push(`the log: ${JSON.stringify(fault)}`);
}
