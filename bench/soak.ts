/**
 * Memory of the service while it issues tokens at a constant rate for a long time.
 *
 *   npm run bench:soak -- [--minutes 10] [--per-second 300]
 *
 * Linux only. ACS takes 40 ms; PostgreSQL is durable. Writes bench/results/soak.md. Exits with 1 when a
 * request failed or when the last fifth of the time needs over a tenth more memory than the second fifth.
 */
import { writeFile } from 'node:fs/promises';
import { repositoryRoot } from '../test/support/root.js';
import { contenderKind } from './contenders/contenders.js';
import { machine, median, quantile, table, today, whole } from './figures.js';
import { ACS_LATENCY_MS } from './run/plan.js';
import { Rig } from './run/rig.js';
import { benchmarkOptions, exitAfterMisuse } from './options.js';

const CHUNKS_PER_MINUTE = 4;
const MAX_GROWTH = 1.1;

const { minutes, 'per-second': perSecond } = benchmarkOptions(import.meta.url, {
  ...{ minutes: 10, 'per-second': 300 },
});
if (minutes < 5) {
  exitAfterMisuse(import.meta.url, '--minutes must be at least 5');
}

/** What was measured within one minute. */
interface Minute {
  readonly memoryMb: number;
  readonly tokens: number;
  readonly failures: number;
  readonly p99: number;
}

const measuredOn = machine(); // before this process is pinned to some of the cores
const rig = await Rig.start();
const measured: Minute[] = [];
let peakMb = 0;
try {
  const kind = contenderKind('service');
  const service = await rig.startContender(kind, await rig.newHome(kind));
  try {
    await rig.standIns.setLatency(ACS_LATENCY_MS);
    for (let minute = 1; minute <= minutes; minute += 1) {
      measured.push(await load(service.urls, () => service.memory().now));
      const { memoryMb, failures } = measured.at(-1) ?? { memoryMb: 0, failures: 0 };
      console.error(`minute ${minute}: ${whole(memoryMb)} MB, ${failures} failures`);
    }
    peakMb = service.memory().peak;
  } finally {
    await service.stop();
  }
} finally {
  await rig.stop();
}

const fifth = Math.floor(minutes / 5);
const growth = memoryOf(measured.slice(-fifth)) / memoryOf(measured.slice(fifth, 2 * fifth));
const failures = measured.reduce((sum, minute) => sum + minute.failures, 0);
const isSteady = growth <= MAX_GROWTH && failures === 0;
const report = `# Memory over time

\`npm run bench:soak -- --minutes ${minutes} --per-second ${perSecond}\` on ${today()}, ${measuredOn}. Resident memory of the service, the median of ${CHUNKS_PER_MINUTE} samples of a minute; ${whole(peakMb)} MB at the peak.

${table(
  ['minute', 'MB', 'tokens', 'failures', 'p99 ms'],
  measured.map(({ memoryMb, tokens, p99, ...minute }, nth) => [
    String(nth + 1),
    whole(memoryMb),
    whole(tokens),
    String(minute.failures),
    p99.toFixed(1),
  ]),
)}

The last fifth of the time needs ${growth.toFixed(2)} times the memory of the second fifth: ${isSteady ? 'no growth' : '**too much, or requests failed**'}.
`;
console.log(report);
await writeFile(`${repositoryRoot}bench/results/soak.md`, report);
process.exitCode = isSteady ? 0 : 1;

async function load(urls: readonly string[], memoryMb: () => number): Promise<Minute> {
  const samples: number[] = [];
  const latencies: number[] = [];
  let failed = 0;
  for (let chunk = 0; chunk < CHUNKS_PER_MINUTE; chunk += 1) {
    const durationMs = 60_000 / CHUNKS_PER_MINUTE;
    const result = await rig.generator.run({ urls, loop: { perSecond }, durationMs });
    samples.push(memoryMb());
    for (const latency of result.latenciesMs) latencies.push(latency);
    failed += Object.values(result.failures).reduce((sum, count) => sum + count, 0);
  }
  return {
    memoryMb: median(samples),
    tokens: latencies.length,
    failures: failed,
    p99: quantile(latencies, 0.99),
  };
}

function memoryOf(some: readonly Minute[]): number {
  return median(some.map(({ memoryMb }) => memoryMb));
}
