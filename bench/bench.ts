/**
 * The service beside a floor and a naive service: throughput, latency, CPU time, memory and statements of
 * a token, in one run, in alternation.
 *
 *   npm run bench -- [--quick] [--only service,floor] [--rounds 4] [--seconds 6]
 *   npm run bench -- --profile <folder> | --heap <folder>
 *
 * `npm run bench` first checks that the contenders answer as the service does (test/bench/contenders.spec.ts).
 *
 * Starts everything: PostgreSQL with durable commits, stand-ins of Entra, Key Vault and ACS, the load
 * generator and the contenders. Linux only. A process of the contender has a core of its own. Checks that
 * each token has its entry and that the log verifies. Writes bench/results/<date>.json, .md and .svg;
 * `--quick` and shortened runs write nothing. Exits with 1 when the service has lost more than half of
 * what it normally gives beside the floor.
 *
 * `--profile` and `--heap` run the service alone and show its CPU time, or its memory, by part.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { progressBar } from '../apps/cli/src/actions/progress-bar.js';
import { bundleWithoutAudit, CONTENDERS, contenderKind } from './contenders/contenders.js';
import { machine, today, whole } from './figures.js';
import { Group } from './run/group.js';
import { latencyChart } from './run/latency-chart.js';
import { fullPlan, type PlannedGroup, quickPlan, secondsOf } from './run/plan.js';
import { profileCpu, profileHeap, PROFILER_OPTIONS } from './run/profile.js';
import { ratiosOf, reportOf } from './run/report.js';
import { Rig } from './run/rig.js';
import { type BenchmarkRun, type ContenderFacts, PERCENTILES, type Sample } from './run/samples.js';
import { benchmarkOptions, exitAfterMisuse } from './options.js';

/** Tokens per CPU second, as a share of the floor's: half of what is normal. */
const LEAST_OF_FLOOR = 0.2;

const options = benchmarkOptions(import.meta.url, {
  ...{ quick: false, only: '', rounds: 0, seconds: 0, profile: '', heap: '' },
});
if (options.rounds === 1) {
  exitAfterMisuse(import.meta.url, '--rounds must be at least 2: the first one is left out');
}
const only = options.only === '' ? undefined : options.only.split(',');
const unknown = only?.find((name) => !CONTENDERS.some((one) => one.name === name));
if (unknown !== undefined) {
  const known = CONTENDERS.map(({ name }) => name).join(', ');
  exitAfterMisuse(import.meta.url, `'${unknown}' is none of ${known}`);
}
const startedAt = performance.now();
/** Before this process is pinned to some of the cores. */
const measuredOn = machine();
const rig = await Rig.start();
try {
  if (options.profile || options.heap) console.log(await profile(rig));
  else await benchmark(rig);
} finally {
  await rig.stop();
}

async function benchmark(rig: Rig): Promise<void> {
  const run = await measure(rig, shortened(options.quick ? quickPlan() : fullPlan()));
  const report = reportOf(run);
  console.log(report);
  const ratios = Object.entries(ratiosOf(run)).filter(([, ratio]) => !Number.isNaN(ratio));
  for (const [what, ratio] of ratios) console.log(`${what}: ${ratio.toFixed(2)}`);
  const isShortened = only !== undefined || options.rounds > 0 || options.seconds > 0;
  if (!options.quick && !isShortened) await save(run, report);
  const [[, ofFloor] = ['', Number.NaN]] = ratios;
  if (ofFloor < LEAST_OF_FLOOR) {
    console.error(`The service gives less than ${LEAST_OF_FLOOR} of the floor's tokens.`);
    process.exitCode = 1;
  }
}

async function measure(rig: Rig, plan: readonly PlannedGroup[]): Promise<BenchmarkRun> {
  const isPlanned = (name: string): boolean =>
    plan.some(({ contenders }) => contenders.some((one) => one === name));
  if (isPlanned('without-audit')) await bundleWithoutAudit();
  const total = plan.reduce((sum, group) => sum + secondsOf(group), 0);
  const bar = progressBar('seconds');
  let done = 0;
  const samples: Sample[] = [];
  const contenders = new Map<string, ContenderFacts>();
  for (const planned of plan) {
    const group = new Group(rig, planned, (seconds, step) => {
      done += seconds;
      bar.show(done, Math.round(total));
      // The bar is for terminals.
      if (!process.stderr.isTTY) console.error(`${whole((done / total) * 100)} % ${step}`);
    });
    const result = await group.run();
    for (const sample of result.samples) samples.push(sample);
    for (const facts of result.facts) {
      if (!contenders.has(facts.name)) contenders.set(facts.name, facts);
    }
  }
  bar.end();
  return {
    command: ['npm run bench --', ...process.argv.slice(2)].join(' ').replace(/ --$/, ''),
    date: today(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: measuredOn,
    postgres: await rig.postgresVersion(),
    durationSeconds: (performance.now() - startedAt) / 1000,
    percentiles: PERCENTILES,
    contenders: [...contenders.values()],
    samples,
  };
}

/** The service alone, its CPU time and its memory by part. */
async function profile(rig: Rig): Promise<string> {
  const kind = contenderKind('service');
  const home = await rig.newHome(kind);
  const environment = { ...home.environment, ...(options.heap && { PROFILE_HEAP: 'yes' }) };
  const service = await rig.startContender(kind, { ...home, environment }, PROFILER_OPTIONS);
  const texts = [
    options.heap && (await profileHeap(service, rig.generator, options.heap)),
    options.profile && (await profileCpu(service, rig.generator, options.profile)),
  ];
  await service.stop();
  return texts.filter(Boolean).join('\n\n');
}

/** Of the contenders and the time that the command line wants. */
function shortened(plan: readonly PlannedGroup[]): PlannedGroup[] {
  return plan
    .map((group) => ({
      ...group,
      contenders: group.contenders.filter((name) => only?.includes(name) ?? true),
      loads: group.loads.map((load) =>
        'seconds' in load && options.seconds > 0 ? { ...load, seconds: options.seconds } : load,
      ),
      rounds: options.rounds || group.rounds,
    }))
    .filter(({ contenders }) => contenders.length > 0);
}

async function save(run: BenchmarkRun, report: string): Promise<void> {
  const path = `bench/results/${run.date}`;
  await mkdir('bench/results', { recursive: true });
  await writeFile(`${path}.json`, `${JSON.stringify(run, undefined, 1)}\n`);
  await writeFile(`${path}.svg`, latencyChart(run));
  await writeFile(`${path}.md`, `${report}\n![Latency by share of answers](${run.date}.svg)\n`);
}
