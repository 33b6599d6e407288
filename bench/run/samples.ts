import type { StatementCounts } from './statement-counter.js';

/** One measurement of one contender. Times and bytes are for a token. */
export interface Sample {
  readonly contender: string;
  /** The load, such as `64 connections`. */
  readonly load: string;
  /** From 0. */
  readonly round: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly serviceMicros: number;
  readonly postgresMicros: number;
  /** Of PostgreSQL's processes that serve no connection. */
  readonly otherPostgresMicros: number;
  readonly walBytes: number;
  /** Milliseconds at the shares of `PERCENTILES`. */
  readonly latencyMs: readonly number[];
  readonly failures: Readonly<Record<string, number>>;
  /** How much of a core the load generator used. */
  readonly generatorShare: number;
  /** How much of the machine's CPU time processes used that are not of the benchmark. */
  readonly foreignShare: number;
}

/** From 0 to 1, ascending. */
export const PERCENTILES = [
  ...[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9],
  ...[0.925, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999, 1],
];

/** @returns the latencies at the shares of `PERCENTILES` */
export function percentilesOf(latenciesMs: Float64Array): number[] {
  const sorted = latenciesMs.toSorted();
  return PERCENTILES.map(
    (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN,
  );
}

/** Of PostgreSQL, counted for a token under a load of 64 connections. */
export type CountsPerToken = StatementCounts;

/** What is known of a contender beside its samples. */
export interface ContenderFacts {
  readonly name: string;
  readonly title: string;
  readonly replicas: number;
  readonly readyAfterMs: number;
  readonly idleMb: number;
  readonly peakMb: number;
  readonly perToken: CountsPerToken;
  /** What the checks at the end found. */
  readonly checked: string;
}

/** A whole run, as its JSON file has it. */
export interface BenchmarkRun {
  readonly command: string;
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly postgres: string;
  readonly durationSeconds: number;
  readonly percentiles: readonly number[];
  readonly contenders: readonly ContenderFacts[];
  /** The first round of each load is not part of the medians. */
  readonly samples: readonly Sample[];
}

/** @returns the median without the first round */
export function medianOf(
  { samples }: Pick<BenchmarkRun, 'samples'>,
  contender: string,
  load: string,
  value: (sample: Sample) => number,
): number {
  const values = samples
    .filter((one) => one.contender === contender && one.load === load && one.round > 0)
    .map(value)
    .toSorted((a, b) => a - b);
  const middle = Math.floor(values.length / 2);
  const upper = values[middle] ?? Number.NaN;
  return values.length % 2 === 1 ? upper : (upper + (values[middle - 1] ?? Number.NaN)) / 2;
}

/** @returns the median of the ratios of the rounds, in which both ran one after the other */
export function medianRatio(
  { samples }: Pick<BenchmarkRun, 'samples'>,
  [contender, reference]: readonly [string, string],
  load: string,
  value: (sample: Sample) => number,
): number {
  const of = (name: string, round: number): Sample | undefined =>
    samples.find((one) => one.contender === name && one.load === load && one.round === round);
  const ratios = samples.flatMap((sample) => {
    if (sample.contender !== contender || sample.load !== load) return [];
    const other = of(reference, sample.round);
    return other ? [{ ...sample, tokens: value(sample) / value(other) }] : [];
  });
  return medianOf({ samples: ratios }, contender, load, ({ tokens }) => tokens);
}

/** Tokens that a second of CPU time gives, of the contender and PostgreSQL together. */
export function tokensPerCpuSecond({ serviceMicros, postgresMicros }: Sample): number {
  return 1_000_000 / (serviceMicros + postgresMicros);
}

/** @param share one of `PERCENTILES` */
export function latencyAt(share: number): (sample: Sample) => number {
  const position = PERCENTILES.indexOf(share);
  return ({ latencyMs }) => latencyMs[position] ?? Number.NaN;
}
