import { table, whole } from '../figures.js';
import { PEAK_CONNECTIONS, titleOf } from './plan.js';
import {
  type BenchmarkRun,
  latencyAt,
  medianOf,
  medianRatio,
  type Sample,
  tokensPerCpuSecond,
} from './samples.js';

/** The load of the ratios that matter most. */
export const PEAK = titleOf({ connections: PEAK_CONNECTIONS, seconds: 0 });
const LATENCY_SHARES = [0.5, 0.95, 0.99, 0.999, 1];

/** A run as Markdown: a table for each load, then what is known of each contender. */
export function reportOf(run: BenchmarkRun): string {
  const loads = [...new Set(run.samples.map(({ load }) => load))];
  const foreign = run.samples.map(({ foreignShare }) => foreignShare);
  const meanForeign = foreign.reduce((sum, share) => sum + share, 0) / foreign.length;
  const how = [
    `\`${run.command}\` on ${run.date}, commit ${run.commit}, ${run.machine}, PostgreSQL ${run.postgres} with durable commits; ${whole(run.durationSeconds)} s.`,
    'Contenders in alternation, medians of the rounds without the first; only ratios within a run mean anything.',
    `Other processes used ${percent(meanForeign)} of the machine's CPU time on average, ${percent(Math.max(...foreign))} at most.`,
  ];
  return [
    '# The service beside a floor and a naive service',
    how.join(' '),
    ...loads.flatMap((load) => [`## ${capital(load)}`, loadTable(run, load)]),
    '## Contenders',
    factsTable(run),
    run.contenders.map(({ title, checked }) => `- ${title}: ${checked}`).join('\n'),
  ]
    .join('\n\n')
    .concat('\n');
}

function loadTable(run: BenchmarkRun, load: string): string {
  const samples = run.samples.filter((sample) => sample.load === load);
  const contenders = run.contenders.filter(({ name }) =>
    samples.some(({ contender }) => contender === name),
  );
  const reference = contenders.some(({ name }) => name === 'floor') ? 'floor' : 'service';
  const rows = contenders.map(({ name, title }) => {
    const median = (value: (sample: Sample) => number): number => medianOf(run, name, load, value);
    const failures = samples
      .filter(({ contender }) => contender === name)
      .flatMap((sample) => Object.values(sample.failures))
      .reduce((sum, count) => sum + count, 0);
    return [
      title,
      whole(median(({ tokensPerSecond }) => tokensPerSecond)),
      whole(median(({ serviceMicros }) => serviceMicros)),
      whole(median(({ postgresMicros }) => postgresMicros)),
      whole(median(tokensPerCpuSecond)),
      medianRatio(run, [name, reference], load, tokensPerCpuSecond).toFixed(2),
      ...LATENCY_SHARES.map((share) => median(latencyAt(share)).toFixed(1)),
      whole(median(({ walBytes }) => walBytes)),
      String(failures),
      percent(median(({ generatorShare }) => generatorShare)),
    ];
  });
  const header = [
    ...['', 'tokens/s', 'µs of CPU', 'of PostgreSQL', 'tokens per CPU second'],
    ...[`÷ ${reference}`, 'p50 ms', 'p95', 'p99', 'p99.9', 'max'],
    ...['WAL bytes', 'failures', 'load generator'],
  ];
  return table(header, rows);
}

function factsTable({ contenders }: BenchmarkRun): string {
  const rows = contenders.map(({ title, readyAfterMs, idleMb, peakMb, perToken }) => [
    title,
    whole(readyAfterMs),
    whole(idleMb),
    whole(peakMb),
    ...[
      perToken.statements,
      perToken.roundTrips,
      perToken.transactions,
      perToken.durableCommits,
      perToken.roundTripsInLock,
    ].map((count) => count.toFixed(2)),
  ]);
  const header = [
    ...['', 'ready after ms', 'idle MB', 'peak MB', 'statements per token', 'round trips'],
    ...['commits', 'of them durable', 'round trips inside the lock'],
  ];
  return table(header, rows);
}

/** The ratios that a release is held to, for the terminal and for the gate. */
export function ratiosOf(run: BenchmarkRun): Readonly<Record<string, number>> {
  const open = titleOf({ perSecond: 100, seconds: 0 });
  return {
    'tokens per CPU second ÷ floor': medianRatio(
      run,
      ['service', 'floor'],
      PEAK,
      tokensPerCpuSecond,
    ),
    'tokens per CPU second ÷ naive': medianRatio(
      run,
      ['service', 'naive'],
      PEAK,
      tokensPerCpuSecond,
    ),
    'p99 at 100 a second ÷ floor': medianRatio(run, ['service', 'floor'], open, latencyAt(0.99)),
    'p99 at 100 a second ÷ naive': medianRatio(run, ['service', 'naive'], open, latencyAt(0.99)),
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
