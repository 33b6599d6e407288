/**
 * CPU time of a token, of the service's process and of PostgreSQL's: the built api, and beside it another
 * build, in alternation on one database.
 *
 *   npm run bench:token-cost -- [--against <path>/dist/bin/api.js] [--rounds 12] [--tokens 500] [--first] [--telemetry]
 *
 * Linux only: reads `/proc`. PostgreSQL is durable; ACS is the emulator, over TLS, without latency; 64
 * connections, each of which waits for its answer. `--first` measures first calls, which create an
 * identity. Only ratios within one run mean anything. Checks that each token has its audit entry.
 *
 * `--telemetry` shows what telemetry costs: this build without any call of tracing in its code, with
 * telemetry off, with every tenth request traced and with all, to a collector in a process of its own.
 */
import { execFile, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Pool } from 'undici';
import { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { machine, median, table, whole } from './figures.js';
import { childrenOf, cpuMicros } from './run/process-usage.js';

const CONNECTIONS = 64;
const PEOPLE = 600;
const WARM_UP_TOKENS = 3_000;
const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    rounds: { type: 'string', default: '12' },
    tokens: { type: 'string', default: '500' },
    first: { type: 'boolean', default: false },
    telemetry: { type: 'boolean', default: false },
  },
});
const tokens = Number(values.tokens);

interface Contender {
  readonly name: string;
  readonly processId: number;
  readonly pool: Pool;
  /** Microseconds of CPU time for a token, by round. */
  readonly service: number[];
  readonly postgres: number[];
}

const collector = fork(new URL('./run/collector-process.js', import.meta.url));
const [collectorPort] = (await once(collector, 'message')) as [number]; // its only message

const cluster = await startTestCluster(true);
try {
  const service = await start();
  try {
    const contenders: Contender[] = [];
    if (values.against !== undefined)
      contenders.push(await contender(service, 'the other build', {}, values.against));
    if (values.telemetry) {
      const name = 'no call of tracing';
      contenders.push(await contender(service, name, {}, await bundleWithoutTracing()));
    }
    contenders.push(await contender(service, 'this build'));
    if (values.telemetry)
      for (const [name, share] of [
        ['10 % of the requests traced', '0.1'],
        ['all requests traced', '1'],
      ] as const)
        contenders.push(await contender(service, name, tracing(share)));
    await measure(service, contenders);
    report(contenders);
  } finally {
    await service.stop();
  }
} finally {
  await cluster.remove();
  collector.disconnect();
}

async function bundleWithoutTracing(): Promise<string> {
  await promisify(execFile)(process.execPath, ['scripts/bundle-without-tracing.mjs']);
  return fileURLToPath(new URL('./contenders/bundle/api-without-tracing.js', import.meta.url));
}

function tracing(share: string): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collectorPort}`,
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: share,
  };
}

async function start(): Promise<Service> {
  const unlimited = '1000000';
  return Service.start({
    cluster,
    replicas: 0,
    emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
    environment: {
      LOG_LEVEL: 'info',
      AUTHENTICATION_REQUESTS_PER_MINUTE: unlimited,
      ACS_BUDGET_CREATE: unlimited,
      ACS_BUDGET_ISSUE: unlimited,
      ACS_BUDGET_CREATE_WITH_TOKEN: unlimited,
    },
  });
}

async function contender(
  service: Service,
  name: string,
  environment: Readonly<Record<string, string>> = {},
  program?: string,
): Promise<Contender> {
  const { url, process } = await service.addApi(environment, program);
  const pool = new Pool(url, { connections: CONNECTIONS });
  return { name, processId: process.pid ?? 0, pool, service: [], postgres: [] };
}

async function measure(service: Service, contenders: readonly Contender[]): Promise<void> {
  const people = await bearers(service, PEOPLE);
  for (const { pool } of contenders) await issue(pool, people, WARM_UP_TOKENS);
  const before = await entries(service);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const one of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const callers = values.first ? await bearers(service, tokens) : people;
      const [mine, theirs] = [cpuMicros([one.processId]), cpuMicros(backends())];
      await issue(one.pool, callers, tokens);
      one.service.push((cpuMicros([one.processId]) - mine) / tokens);
      one.postgres.push((cpuMicros(backends()) - theirs) / tokens);
    }
  }
  const issued = Number(values.rounds) * contenders.length * tokens;
  if ((await entries(service)) - before !== issued) throw new Error('tokens and entries differ');
}

async function bearers(service: Service, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const oid = randomUUID();
      return service.emulator.control.mintToken({ person: 'alice', claims: { oid, sub: oid } });
    }),
  );
}

async function issue(pool: Pool, callers: readonly string[], count: number): Promise<void> {
  let next = 0;
  const connection = async (): Promise<void> => {
    while (next < count) {
      const { statusCode, body } = await pool.request({
        path: '/v1/me/tokens',
        method: 'POST',
        headers: { authorization: `Bearer ${callers[next++ % callers.length] ?? ''}` },
      });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`a token was refused: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
}

async function entries(service: Service): Promise<number> {
  const [row] = await service.rows<{ count: string }>(
    `SELECT count(*) FROM audit_entry WHERE action = 'token.issue' AND outcome = 'success'`,
  );
  return Number(row?.count);
}

/** The processes of PostgreSQL. */
function backends(): number[] {
  return childrenOf(cluster.processId);
}

function report(contenders: readonly Contender[]): void {
  const [reference] = contenders;
  const rows = contenders.map(({ name, service, postgres }) => {
    const ratios = service.map((micros, round) => micros / (reference?.service[round] ?? NaN));
    const lowest = whole(Math.min(...service));
    return [
      name,
      whole(median(service)),
      lowest,
      median(ratios).toFixed(3),
      whole(median(postgres)),
    ];
  });
  const header = ['µs of CPU a token', 'service, median', 'lowest', 'ratio', 'PostgreSQL'];
  console.log(`${values.first ? 'First calls' : 'Later calls'}, ${machine()}\n`);
  console.log(table(header, rows));
}
