/**
 * Latency of a token while sinks fail beside it.
 *
 *   npm run bench:sinks -- [--rounds 5] [--seconds 20] [--per-second 100]
 *
 * Linux only. Two services with a database each, in alternation: one without sinks, and one that delivers to
 * four webhooks. One takes everything; two of three requests to each of the others hang, get 503, or get 429
 * and closed connections, until the last round has ended. ACS takes 40 ms; PostgreSQL is durable. Writes
 * bench/results/sinks.md. Exits with 1 when a token was refused, when p99 is over a tenth higher beside sinks,
 * or when an entry did not arrive.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpTestReceiver, type ReceiverFault } from '#libs/audit-delivery/testing';
import { repositoryRoot } from '../test/support/root.js';
import { until } from '../test/support/until.js';
import { contenderKind } from './contenders/contenders.js';
import { machine, median, quantile, table, today, whole } from './figures.js';
import { benchmarkOptions } from './options.js';
import { ACS_LATENCY_MS } from './run/plan.js';
import { Rig } from './run/rig.js';
import type { RunningContender } from './run/running-contender.js';

const MAX_RATIO = 1.1;
/** For the entries that wait when the receivers have recovered: behind a timeout and a pause. */
const ARRIVAL_MS = 300_000;

/** How two of three requests to a receiver end. */
const FAULTS: Readonly<Record<string, readonly ReceiverFault[]>> = {
  well: [],
  hangs: ['hang', 'hang'],
  fails: [{ status: 503 }, { status: 503 }],
  throttles: [{ status: 429, retryAfter: '1' }, 'die'],
};

interface Round {
  readonly without: readonly number[];
  readonly beside: readonly number[];
}

const {
  rounds,
  seconds,
  'per-second': perSecond,
} = benchmarkOptions(import.meta.url, {
  ...{ rounds: 5, seconds: 20, 'per-second': 100 },
});

const measuredOn = machine(); // before this process is pinned to some of the cores
const rig = await Rig.start();
const folder = await mkdtemp(join(tmpdir(), 'acs-identity-sinks-'));
/** Indexes of the entries that arrived, by sink. */
const arrived = new Map<string, Set<string>>();
const receivers: HttpTestReceiver[] = [];
const running: RunningContender[] = [];
const measured: Round[] = [];
const failures: string[] = [];
let size = 0;
let isRecovered = false;
try {
  const kind = contenderKind('service');
  const without = await rig.startContender(kind, await rig.newHome(kind));
  running.push(without);
  const home = await rig.newHome(kind);
  const beside = await rig.startContender(kind, {
    ...home,
    environment: { ...home.environment, ...(await sinks()) },
  });
  running.push(beside);
  await rig.standIns.setLatency(ACS_LATENCY_MS);
  await Promise.all([latencies(without), latencies(beside)]);
  for (let round = 1; round <= rounds; round += 1) {
    // Neither of them is always the first.
    const first = round % 2 === 0 ? await latencies(beside) : undefined;
    const plain = await latencies(without);
    measured.push({ without: plain, beside: first ?? (await latencies(beside)) });
    console.error(`round ${round}: ${JSON.stringify(measured.at(-1), figures)}`);
  }
  isRecovered = true;
  for (const receiver of receivers) receiver.faults.length = 0;
  const [head] = await beside.rows<{ size: string }>('SELECT max(size) AS size FROM audit_head');
  size = Number(head?.size);
  for (const [name, indexes] of arrived)
    await until(
      `${size} entries have arrived at '${name}'`,
      ARRIVAL_MS,
      () => indexes.size >= size,
    );
} catch (error) {
  failures.push(String(error));
} finally {
  for (const contender of running) await contender.stop();
  for (const receiver of receivers) await receiver.stop();
  await rig.stop();
  await rm(folder, { recursive: true });
}

const ratio = median(measured.map((round) => p99(round.beside) / p99(round.without)));
const isUnharmed = ratio <= MAX_RATIO && failures.length === 0;
const report = `# Tokens beside sinks that fail

\`npm run bench:sinks -- --rounds ${rounds} --seconds ${seconds} --per-second ${perSecond}\` on ${today()}, ${measuredOn}. Latency of a token in ms, counted from the moment at which it was due; ACS takes ${ACS_LATENCY_MS} ms. The two services take turns.

${table(
  ['round', 'p50 without', 'p50 beside sinks', 'p99 without', 'p99 beside sinks'],
  measured.map((round, nth) => [
    String(nth + 1),
    ...[quantile(round.without, 0.5), quantile(round.beside, 0.5)].map(tenths),
    ...[p99(round.without), p99(round.beside)].map(tenths),
  ]),
)}

The p99 beside sinks is ${ratio.toFixed(2)} times the one without (median of the rounds; at most ${MAX_RATIO}): ${ratio <= MAX_RATIO ? 'reached' : '**missed**'}. ${
  failures.length === 0
    ? `Each of the ${arrived.size} sinks got all ${whole(size)} entries of the log.`
    : failures.map((failure) => `**${failure}**`).join(' ')
}
`;
console.log(report);
await writeFile(`${repositoryRoot}bench/results/sinks.md`, report);
process.exitCode = isUnharmed ? 0 : 1;

async function latencies({ urls }: RunningContender): Promise<number[]> {
  const load = { urls, loop: { perSecond }, durationMs: seconds * 1_000 };
  const result = await rig.generator.run(load);
  for (const [refusal, count] of Object.entries(result.failures))
    failures.push(`${count} tokens were refused: ${refusal}.`);
  return [...result.latenciesMs];
}

/** Starts a receiver for each sink. @returns the settings of a service that delivers to them */
async function sinks(): Promise<Readonly<Record<string, string>>> {
  const list = [];
  for (const [name, faults] of Object.entries(FAULTS)) {
    const indexes = new Set<string>();
    arrived.set(name, indexes);
    const receiver = await HttpTestReceiver.start(({ body }) => {
      for (const [, index = ''] of body.toString().matchAll(/"sequence":"(\d+)"/g))
        indexes.add(index);
      if (!isRecovered) receiver.faults.push(...faults);
      return { status: 204 };
    });
    receivers.push(receiver);
    const signingSecrets = [{ environment: 'SINK_SECRET' }];
    list.push({ type: 'webhook', name, url: receiver.url, signingSecrets });
  }
  const file = join(folder, 'sinks.json');
  await writeFile(file, JSON.stringify({ version: 1, sinks: list }));
  return { AUDIT_SINKS_FILE: file, SINK_SECRET: Buffer.alloc(32, 1).toString('base64') };
}

function p99(times: readonly number[]): number {
  return quantile(times, 0.99);
}

function tenths(value: number): string {
  return value.toFixed(1);
}

/** For progress: of a list of latencies its quantiles. */
function figures(_name: string, value: unknown): unknown {
  return Array.isArray(value) ? { p50: quantile(value, 0.5), p99: p99(value) } : value;
}
