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
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { machine, median, table, whole } from './figures.js';
import { childrenOf, cpuMicros } from './run/process-usage.js';
import { bearers, issuedCount, startUnlimited, TokenCallers } from './run/token-callers.js';
import { benchmarkOptions } from './options.js';

const PEOPLE = 600;
const WARM_UP_TOKENS = 3_000;
const options = benchmarkOptions(import.meta.url, {
  ...{ against: '', rounds: 12, tokens: 500, first: false, telemetry: false },
});
const { rounds, tokens } = options;

interface Contender {
  readonly name: string;
  readonly processId: number;
  readonly callers: TokenCallers;
  /** Microseconds of CPU time for a token, by round. */
  readonly service: number[];
  readonly postgres: number[];
}

const collector = fork(new URL('./run/collector-process.js', import.meta.url));
const [collectorPort] = (await once(collector, 'message')) as [number]; // its only message

const cluster = await startTestCluster(true);
try {
  const service = await startUnlimited(cluster);
  try {
    const contenders: Contender[] = [];
    if (options.against !== '')
      contenders.push(await contender(service, 'the other build', {}, options.against));
    if (options.telemetry) {
      const name = 'no call of tracing';
      contenders.push(await contender(service, name, {}, await bundleWithoutTracing()));
    }
    contenders.push(await contender(service, 'this build'));
    if (options.telemetry)
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

async function contender(
  service: Service,
  name: string,
  environment: Readonly<Record<string, string>> = {},
  program?: string,
): Promise<Contender> {
  const { url, process } = await service.addApi(environment, program);
  const callers = new TokenCallers(url);
  return { name, processId: process.pid ?? 0, callers, service: [], postgres: [] };
}

async function measure(service: Service, contenders: readonly Contender[]): Promise<void> {
  const people = await bearers(service, PEOPLE);
  for (const { callers } of contenders) await callers.issue(people, WARM_UP_TOKENS);
  const before = await issuedCount(service);
  for (let round = 0; round < rounds; round += 1) {
    for (const one of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const requesting = options.first ? await bearers(service, tokens) : people;
      const [mine, theirs] = [cpuMicros([one.processId]), cpuMicros(backends())];
      await one.callers.issue(requesting, tokens);
      one.service.push((cpuMicros([one.processId]) - mine) / tokens);
      one.postgres.push((cpuMicros(backends()) - theirs) / tokens);
    }
  }
  const issued = rounds * contenders.length * tokens;
  if ((await issuedCount(service)) - before !== issued)
    throw new Error('tokens and entries differ');
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
  console.log(`${options.first ? 'First calls' : 'Later calls'}, ${machine()}\n`);
  console.log(table(header, rows));
}
