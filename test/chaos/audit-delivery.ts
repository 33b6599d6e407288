import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpTestReceiver, type ReceiverFault } from '#libs/audit-delivery/testing';
import { issued, openTestLog, TEST_SIGNING_SEED } from '#libs/audit/testing';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { startReplica } from './support/replica.js';

const SINK = 'receiver';
const FAULTS: readonly ReceiverFault[] = [
  'hang',
  'die',
  'lose-answer',
  { status: 503 },
  { status: 500 },
  { status: 429, retryAfter: '1' },
];
/** One fault for this number of requests, on average. */
const REQUESTS_PER_FAULT = 12;
const ENTRIES_PER_COMMIT = 500;

interface Arrival {
  readonly sequence: string;
  readonly id: string;
}

const { count, prng } = startCampaign({
  name: 'audit-delivery',
  description: `Delivers a log to a receiver that fails, hangs, answers 429, closes connections and loses answers, while
the replica that delivers is killed with SIGKILL twice. Checks that every entry arrives, that first arrivals are in
the order of the log, and that no more arrives than what was not confirmed.`,
  count: { of: 'entries', byDefault: 50_000 },
});

/** Every arrival, in order. */
const arrivals: number[] = [];
const idOf = new Map<number, string>();
const failures: string[] = [];
let requests = 0;
const receiver = await HttpTestReceiver.start(({ body }) => {
  for (const { sequence, id } of JSON.parse(body.toString()) as Arrival[]) {
    const index = Number(sequence);
    arrivals.push(index);
    if ((idOf.get(index) ?? id) !== id) failures.push(`${index} arrived with two ids`);
    idOf.set(index, id);
  }
  requests += 1;
  if (prng.below(REQUESTS_PER_FAULT) === 0) receiver.faults.push(prng.pick(FAULTS));
  return { status: 204 };
});

const folder = await mkdtemp(join(tmpdir(), 'acs-identity-delivery-'));
const file = join(folder, 'sinks.json');
const sink = {
  ...{ type: 'webhook', name: SINK, url: receiver.url, timeoutSeconds: 2 },
  signingSecrets: [{ environment: 'DELIVERY_SECRET' }],
};
await writeFile(file, JSON.stringify({ version: 1, sinks: [sink] }));

const cluster = await startTestCluster(true);
const service = await Service.start({
  cluster,
  replicas: 2,
  emulator: { secrets: { 'audit-signing-key': TEST_SIGNING_SEED } },
  environment: {
    LOG_LEVEL: 'info',
    AUDIT_SINKS_FILE: file,
    AUDIT_SINKS_POLL_MS: '200',
    DELIVERY_SECRET: Buffer.alloc(32, 1).toString('base64'),
    AUDIT_CHECKPOINT_FILE: undefined,
  },
});
try {
  const log = await openTestLog(service.database.serviceUrl, { origin: 'localhost/acs-identity' });
  const startedAt = performance.now();
  const filling = fill();
  for (const share of [1 / 3, 2 / 3]) {
    await until(
      `${Math.round(share * 100)} % has arrived`,
      300_000,
      () => idOf.size > share * count,
    );
    await killDeliverer();
  }
  await filling;
  await log.close();
  const [row] = await service.rows<{ size: string }>('SELECT max(size) AS size FROM audit_head');
  const size = Number(row?.size);
  await until('everything has arrived', 300_000, () => idOf.size >= size);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const first = [...new Set(arrivals)];
  const misplaced = first.findIndex((index, nth) => index !== nth);
  if (misplaced >= 0) failures.push(`first arrival ${misplaced} is entry ${first[misplaced]}`);
  const stored = await service.rows<{ entry_index: string; id: string }>(
    'SELECT entry_index, id FROM audit_entry WHERE entry_index < $1',
    [size],
  );
  for (const { entry_index: index, id } of stored)
    if (idOf.get(Number(index)) !== id) failures.push(`entry ${index} arrived as another`);
  const repeated = arrivals.length - idOf.size;
  console.log(
    `${size} entries in ${requests} requests, ${repeated} repeated, two kills, ${seconds} s`,
  );

  async function fill(): Promise<void> {
    for (let nth = 0; nth < count; nth += ENTRIES_PER_COMMIT) {
      const more = Math.min(ENTRIES_PER_COMMIT, count - nth);
      await log.trail.recordAll(Array.from({ length: more }, (_, one) => issued(nth + one)));
    }
  }
} catch (error) {
  failures.push(String(error));
} finally {
  await service.stop();
  await cluster.remove();
  await receiver.stop();
  await rm(folder, { recursive: true });
}
process.exit(finishCampaign(idOf.size, failures));

/** Kills the replica that has the lease, and starts another in its place. */
async function killDeliverer(): Promise<void> {
  let deliverer: ApiProcess | undefined;
  await until('a replica delivers', 60_000, async () => {
    for (const api of service.apis) {
      const metrics = await fetch(`${api.url}/metrics`).then(
        async (response) => response.text(),
        () => '',
      );
      if (metrics.includes(`audit_sink_lag_entries{sink="${SINK}"}`)) deliverer = api;
    }
    return deliverer !== undefined;
  });
  if (!deliverer) return;
  deliverer.process.kill('SIGKILL');
  await deliverer.ended;
  service.apis.splice(service.apis.indexOf(deliverer), 1);
  await startReplica(service, failures);
}
